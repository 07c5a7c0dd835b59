#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a queue's policy says of full queues and of handlers that take too long."""

import harness

CONFIG = harness.TIMING + """
[queue.holds]
max_messages = 100
overflow = "hold_back"
[queue.refuses]
max_messages = 100
overflow = "refuse"
[queue.drops]
max_messages = 100
overflow = "drop_oldest"
[queue.small]
message_bytes_max = 100
[queue.timed]
handler_timeout = "300ms"
max_attempts = 2
"""


class Bounds(harness.World):
    def test_G6_a_full_queue_holds_its_producer_back_until_there_is_room(self):
        device = self.device(config=CONFIG).start()
        sender = self.sender(device, "holds", "--count", 1000, "--pause-ms", 1)
        device.wait_row("holds", lambda row: row["ready"] >= 100, "a full queue")
        harness.wait_until(lambda: sender.board.sent == 1000, "all sent")
        row = device.row("holds")
        harness.report(held_at=row["ready"])
        # At most what was granted before it was full.
        self.assertLess(row["ready"], 300)
        self.worker(device, "holds")
        self.assertEqual(sender.wait(), 0)
        row = device.wait_row("holds", lambda row: row["acked"] == 1000, "all acked")
        self.assertEqual(row["refused"], 0)
        self.assert_adds_up(row)

    def test_G7_a_full_queue_that_refuses_says_so_and_counts_it(self):
        device = self.device(config=CONFIG).start()
        failing = self.sender(device, "refuses", "--count", 150, "--pressure", "fail", "--how",
                              "wait")
        self.assertEqual(failing.wait(), 1)
        self.assertEqual(len(failing.found("^confirmed")), 100)
        self.assertEqual(len(failing.found(r"^refused \S+ FULL")), 50)
        row = device.row("refuses")
        self.assertEqual((row["accepted"], row["refused"]), (100, 50))
        blocked = self.sender(device, "refuses", "--count", 50, "--prefix", "later")
        self.worker(device, "refuses")
        self.assertEqual(blocked.wait(), 0)
        row = device.wait_row("refuses", lambda row: row["acked"] == 150, "all acked")
        self.assert_adds_up(row)

    def test_G7_a_full_queue_that_drops_keeps_the_oldest_among_the_dead(self):
        device = self.device(config=CONFIG).start()
        sender = self.sender(device, "drops", "--count", 250)
        self.assertEqual(sender.wait(), 0)
        row = device.wait_row("drops", lambda row: row["ready"] == 100, "a hundred left")
        self.assertEqual((row["accepted"], row["dead"]), (250, 150))
        self.assert_adds_up(row)
        self.assertEqual(self.drain(device, "drops"), [f"m{i}" for i in range(151, 251)])
        self.assertEqual(self.drain(device, "drops.dead"), [f"m{i}" for i in range(1, 151)])

    def test_a_body_beyond_the_queues_limit_is_refused_and_the_others_are_kept(self):
        device = self.device(config=CONFIG).start()
        large = self.sender(device, "small", "--size", 101, "--count", 2, "--prefix", "large")
        self.assertEqual(large.wait(), 1)
        self.assertEqual(len(large.found(r"^refused \S+ TOO_LARGE")), 2)
        self.assertEqual(self.sender(device, "small", "--size", 100, "--count", 2).wait(), 0)
        self.assertEqual(device.row("small")["accepted"], 2)


class HandlerTimeout(harness.World):
    def test_G3_a_handler_that_takes_too_long_is_a_failure_and_its_late_end_changes_nothing(self):
        device = self.device(config=CONFIG).start()
        self.send(device, "timed", ["hold it", "m"])
        worker = self.worker(device, "timed", "--threads", 3)
        worker.wait_for("^start 2 .* hold it")
        row = device.wait_row("timed", lambda row: row["dead"] == 1, "a dead letter")
        worker.tell("go 2")
        worker.wait_for("^end hold it", count=2)
        self.send(device, "timed", ["after"])
        worker.wait_for("^end after")
        row = device.wait_row("timed", lambda row: row["acked"] == 2, "two acked")
        self.assertEqual((row["accepted"], row["dead"], row["expired"]), (3, 1, 0))
        self.assert_adds_up(row)
        out = self.folder / "reason"
        dead = self.work(device, "timed.dead", "--count", 1, "--exec",
                         f'echo "$PAWL_REASON" > {out}')
        self.assertEqual(dead.wait(), 0, dead.errors)
        self.assertRegex(out.read_text(), "time")


if __name__ == "__main__":
    harness.main()
