#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Devices that come up after their peers, and a slow worker beside an idle one."""

import os
import time

import harness


class LateDevice(harness.World):
    def test_peers_that_wait_are_served_when_the_device_comes_up(self):
        device = self.device()
        worker = self.worker(device, "q", "--how", "pull")
        sender = self.sender(device, "q", "--count", 100)
        tool = self.pawl("send", "--to", device.endpoint, "--queue", "q")
        tool.tell("by hand")
        harness.wait_until(lambda: sender.board.sent == 100, "a hundred sends without a device")
        device.start()
        self.assertEqual(sender.wait(), 0, sender.errors)
        self.assertEqual(tool.wait(), 0, tool.errors)
        row = device.wait_row("q", lambda row: row["acked"] == 101, "all acked")
        self.finish(worker)
        done = sorted(m.group(1) for m in worker.found("^end (.*)"))
        self.assertEqual(done, sorted(["by hand"] + [f"m{i + 1}" for i in range(100)]))
        self.assert_adds_up(row)

    def test_peers_that_are_idle_are_served_after_a_restart(self):
        device = self.device().start()
        worker = self.worker(device, "q")
        sender = self.sender(device, "q", "--count", 20, "--how", "wait")
        self.assertEqual(sender.wait(), 0)
        device.wait_row("q", lambda row: row["acked"] == 20, "all acked")
        for restart in range(2):
            if restart == 0:
                device.kill()
            else:
                self.assertEqual(device.stop()[0], 0)
            sender = self.sender(device, "q", "--count", 20, "--prefix", f"after{restart}-")
            harness.wait_until(lambda: sender.board.sent == 20, "sends while it is away")
            device.start()
            self.assertEqual(sender.wait(), 0)
            device.wait_row("q", lambda row: row["acked"] == 40 + 20 * restart, "all acked")
        self.assert_adds_up(device.row("q"))
        self.finish(worker)
        self.assertEqual(len(worker.found("^end ")), 60, "none twice")


class Recall(harness.World):
    def test_within_a_beat_the_idle_worker_has_what_the_slow_one_had_prefetched(self):
        device = self.device().start()
        self.send(device, "q", ["hold it"] + [f"m{i}" for i in range(200)])
        slow = self.worker(device, "q", "--peer", "slow")
        slow.wait_for("^start .* hold it")
        device.wait_row("q", lambda row: row["leased"] == 201, "all with the slow one")
        idle = self.worker(device, "q", "--peer", "idle")
        device.wait_row("q", lambda row: row["workers"] == 2, "the idle worker")
        begun = time.monotonic()
        idle.wait_for("^end ", count=200)
        took = time.monotonic() - begun
        row = device.wait_row("q", lambda row: row["acked"] == 200, "200 acked")
        harness.report(took_s=round(took, 3), beat_s=harness.BEAT_S, expired=row["expired"])
        self.assertEqual((row["leased"], row["expired"]), (1, 0))
        # A beat, and half a second for the machine that runs all this.
        self.assertLess(took, harness.BEAT_S + (5 if harness.SANITIZED else 0.5))
        slow.tell("go")
        device.wait_row("q", lambda row: row["acked"] == 201, "all acked")
        self.finish(slow, idle)
        self.assertEqual(len(slow.found("^start ")), 1)

    def test_an_idle_worker_that_takes_few_at_once_gets_all_of_it_too(self):
        device = self.device().start()
        self.send(device, "q", ["hold it"] + [f"m{i}" for i in range(100)])
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.work(device, "q", "--prefetch", 200, "--exec", f"cat {fifo}")
        device.wait_row("q", lambda row: row["leased"] == 101, "all with the slow one")
        begun = time.monotonic()
        self.work(device, "q", "--exec", "true")  # four at once
        row = device.wait_row("q", lambda row: row["acked"] == 100, "100 acked")
        took = time.monotonic() - begun
        harness.report(took_s=round(took, 3), expired=row["expired"])
        self.assertEqual((row["leased"], row["expired"]), (1, 0))
        # In fours, a beat for each, it would be 25 beats.
        self.assertLess(took, harness.BEAT_S * (20 if harness.SANITIZED else 8))
        fifo.write_text("")
        device.wait_row("q", lambda row: row["acked"] == 101, "all acked")

    def test_two_workers_of_unequal_speed_end_together(self):
        device = self.device().start()
        self.send(device, "q", [f"m{i}" for i in range(400)])
        slow = self.worker(device, "q", "--peer", "slow", "--pause-ms", 100)
        slow.wait_for("^start ")
        fast = self.worker(device, "q", "--peer", "fast", "--pause-ms", 1)
        row = device.wait_row("q", lambda row: row["acked"] == 400, "all acked")
        self.finish(slow, fast)
        done = [len(w.found("^end ")) for w in (slow, fast)]
        harness.report(slow=done[0], fast=done[1], expired=row["expired"])
        self.assertEqual(sum(done), 400, "none twice")
        self.assertGreater(done[1], 6 * done[0])
        self.assertEqual(row["expired"], 0)


if __name__ == "__main__":
    harness.main()
