#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A peer that ends in order says so before its process is gone: nothing waits for its lease."""

import harness

ROUNDS = 25
FAR_BELOW_A_LEASE_S = 4


class SessionEndsAtExit(harness.World):
    def test_G4_no_session_outlives_a_worker_that_has_ended(self):
        device = self.device(config="[hub]\nlease = \"30s\"\n", memory=True).start()
        for number in range(ROUNDS):
            self.send(device, "q", [number])
            worker = self.work(device, "q", "--count", 1)
            self.assertEqual((worker.wait(), worker.lines), (0, [str(number)]))
            device.wait_row("q", lambda row: row["workers"] + row["producers"] == 0,
                            "an end of all sessions", FAR_BELOW_A_LEASE_S)


if __name__ == "__main__":
    harness.main()
