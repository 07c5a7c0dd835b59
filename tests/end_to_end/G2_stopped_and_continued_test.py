#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP of a worker, and of the device, for longer than the lease, and back."""

import select

import harness

LONGER_S = harness.LEASE_S + harness.MARGIN_S + 1.0


class WorkerStopped(harness.World):
    def test_G2_its_late_settle_is_stale_and_another_has_done_the_work(self):
        device = self.device().start()
        self.send(device, "q", ["hold here"])
        first = self.worker(device, "q", "--how", "pull", "--peer", "first")
        first.wait_for("^start .* hold here")
        first.freeze()
        second = self.worker(device, "q", "--peer", "second")
        second.tell("go")
        second.wait_for("^end hold here")
        device.wait_row("q", lambda row: row["acked"] == 1, "an ack by the second worker")
        first.thaw()
        first.tell("go")
        first.wait_for("^end hold here")
        row = device.row("q")
        leases = [int(w.wait_for(r"^start \d+ (\d+)").group(1)) for w in (first, second)]
        harness.report(expired=row["expired"], acked=row["acked"], leases=leases)
        self.assertEqual((row["acked"], row["accepted"], row["dead"]), (1, 1, 0))
        self.assertEqual(row["expired"], 1)
        self.assertLess(leases[0], leases[1])
        # And it goes on as a worker like any other.
        second.kill()
        self.send(device, "q", ["one more"])
        first.wait_for("^end one more")
        device.wait_row("q", lambda row: row["acked"] == 2, "its next ack")
        self.assert_adds_up(device.row("q"))
        first.tell("close 5000")
        clean, unanswered, *counts = first.wait_for(r"^closed \d+ (.*)").group(1).split()
        # Told by the call (a pulled message), by the hub's answer, or by both.
        stale = max(int(counts[4]), len(first.found("^stale")))
        self.assertEqual((clean, unanswered, counts[0], stale), ("1", "0", "1", 1))


class DeviceStopped(harness.World):
    def test_G2_no_lease_expires_while_the_device_itself_stood_still(self):
        device = self.device().start()
        self.send(device, "q", ["hold 1", "hold 2", "hold 3"] + [f"m{i}" for i in range(50)])
        worker = self.worker(device, "q", "--threads", 3, "--peer", "patient")
        worker.wait_for("^start .* hold", count=3)
        idle = self.worker(device, "q", "--peer", "idle")
        sender = self.sender(device, "q", "--count", 400, "--prefix", "n", "--pause-ms", 5)
        sender.wait_for("^confirmed", count=20)
        # A helper's thread could be scheduled late; the device is stopped for sure.
        device.process.freeze()
        select.select([], [], [], LONGER_S)
        device.process.thaw()
        worker.tell("go 3")
        self.assertEqual(sender.wait(), 0)
        row = device.wait_row("q", lambda row: row["acked"] == 453, "all acked")
        self.finish(worker, idle)
        starts = [m.group(1) for w in (worker, idle) for m in w.found(r"^start \d+ \d+ (.*)")]
        again = len(starts) - len(set(starts))
        harness.report(stopped_s=LONGER_S, expired=row["expired"], started_again=again)
        held = [body for body in starts if body.startswith("hold")]
        self.assertEqual(len(held), 3, "a held message was delivered again")
        self.assertEqual((row["accepted"], row["dead"], row["expired"]), (453, 0, 0))
        self.assert_adds_up(row)

    def test_G2_a_stall_with_the_worker_dead_still_frees_its_messages(self):
        device = self.device().start()
        self.send(device, "q", ["hold it"])
        worker = self.worker(device, "q")
        worker.wait_for("^start .* hold it")
        device.process.freeze()
        worker.kill()
        select.select([], [], [], LONGER_S)
        device.process.thaw()
        second = self.worker(device, "q")
        second.tell("go")
        second.wait_for("^end hold it", 20)
        device.wait_row("q", lambda row: row["acked"] == 1, "an ack")


if __name__ == "__main__":
    harness.main()
