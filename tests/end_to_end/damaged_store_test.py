#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes of the store that are not what was written: whoever looks after the device is told."""

import glob
import os

import harness

BODY = "b" * 10_000


def overwrite(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"XXXXXXXX")


class DamagedStore(harness.World):
    def files(self, device, ending):
        return sorted(glob.glob(os.path.join(device.data, "*" + ending)), key=os.path.getsize)

    def test_damage_that_is_found_on_the_way_ends_it_with_a_sentence_and_not_as_a_success(self):
        device = self.device().start()
        self.send(device, "q", (f"{i} {BODY}" for i in range(6_000)))
        self.assertEqual(device.stop()[0], 0)
        device.start()  # what was recovered from the log now lies in a file of bodies
        self.assertEqual(device.stop()[0], 0)
        overwrite(self.files(device, ".blob")[-1], 70_000)
        device.start()
        self.work(device, "q")
        self.assertEqual(device.process.wait(), 1)
        self.assertTrue(any("messages of queue q (chunk" in line and "from a copy" in line
                            for line in device.process.errors), device.process.errors)

    def test_G7_a_damaged_log_is_warned_of(self):
        device = self.device().start()
        self.send(device, "q", range(20_000))
        device.kill()
        overwrite(self.files(device, ".log")[-1], 5_000)
        device.start()
        device.process.wait_for(r"\bwarning\b.*the store's log is damaged",
                                lines=device.process.errors)


if __name__ == "__main__":
    harness.main()
