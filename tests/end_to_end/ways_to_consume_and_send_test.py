#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every way to consume, and every way to send, through the same trials."""

import harness

WAYS = ("handler", "batch", "pull", "descriptor", "coroutine")
SENDS = ("wait", "callback", "flush")


def closed(worker):
    """took ms, clean, unanswered, acked, nacked, rejected, returned, stale, still running…"""
    words = worker.wait_for("^closed (.*)").group(1).split()
    return [int(word) for word in words[:8]], words[8:]


class WaysToConsume(harness.World):
    """The ways side by side, each on a queue of its own."""

    def each(self, arguments=()):
        return [(way, self.worker(self.hub, way, "--how", way, *arguments)) for way in WAYS]

    def setUp(self):
        super().setUp()
        self.hub = self.device().start()

    def test_every_outcome_arrives(self):
        for way in WAYS:
            self.send(self.hub, way, ["a", "b", "nack c", "reject d", "return e"])
        workers = self.each()
        for way, worker in workers:
            # Refused five times the nack dies; the return comes round until its hand-outs are used.
            worker.wait_for("^start .* nack c", count=5)
            worker.wait_for("^start .* return e", count=3)
            row = self.hub.wait_row(way, lambda row: row["acked"] == 2 and row["dead"] >= 2,
                                    "two acked, two dead")
            self.assert_adds_up(row)
            attempts = [int(m.group(1)) for m in worker.found(r"^start (\d+) \d+ nack c")]
            self.assertEqual(attempts, [1, 2, 3, 4, 5], way)
            returned = {int(m.group(1)) for m in worker.found(r"^start (\d+) \d+ return e")}
            self.assertEqual(returned, {1}, "a return is no failure")
            worker.tell("close 5000")
            counts, running = closed(worker)
            self.assertEqual((counts[1], counts[3], counts[5], running), (1, 2, 1, []), way)
            self.assertEqual(worker.wait(), 0)

    def test_G1_a_worker_killed_in_the_middle(self):
        names = [f"m{i}" for i in range(60)]
        for way in WAYS:
            self.send(self.hub, way, names[:30] + ["hold it"] + names[30:])
        workers = self.each()
        for way, worker in workers:
            worker.wait_for("^start .* hold it")
            worker.kill()
        for (way, killed), (_, second) in zip(workers, self.each()):
            second.tell("go")
            row = self.hub.wait_row(way, lambda row: row["acked"] == 61, "all acked")
            self.finish(second)
            done = {m.group(1) for w in (killed, second) for m in w.found("^end (.*)")}
            self.assertEqual(done, set(names) | {"hold it"}, way)
            self.assertEqual(row["dead"], 0, way)
            self.assert_adds_up(row)

    def test_G2_a_late_settle_is_stale(self):
        for way in WAYS:
            self.send(self.hub, way, ["hold it"])
        workers = self.each()
        for way, worker in workers:
            worker.wait_for("^start .* hold it")
            worker.freeze()
        for (way, first), (_, second) in zip(workers, self.each()):
            second.tell("go")
            self.hub.wait_row(way, lambda row: row["acked"] == 1, "an ack by the second")
            first.thaw()
            first.tell("go")
            first.wait_for("^end hold it")
            second.kill()
            self.send(self.hub, way, ["next"])
            first.wait_for("^end next")
            row = self.hub.wait_row(way, lambda row: row["acked"] == 2, "the ack of the next")
            self.assertEqual((row["accepted"], row["dead"]), (2, 0), way)
            first.tell("close 5000")
            counts, running = closed(first)
            # Told by the call (a pulled message), by the hub's answer, or by both.
            stale = max(counts[7], len(first.found("^stale")))
            self.assertEqual((counts[1], counts[3], stale, running), (1, 1, 1, []), way)

    def test_close_returns_by_its_deadline_and_names_what_still_runs(self):
        for way in WAYS:
            self.send(self.hub, way, ["hold it"] + [f"m{i}" for i in range(20)])
        workers = self.each()
        for way, worker in workers:
            worker.wait_for("^start .* hold it")
            worker.tell("close 300")
        for way, worker in workers:
            counts, running = closed(worker)
            self.assertLess(counts[0], 300 + 1000, way)
            self.assertEqual(counts[1], 0, way)
            self.assertIn(f"{way}/0/0", running, way)
            started = len(worker.found("^start"))
            # What was not begun has been given back at once; the held one comes after its lease.
            second = self.worker(self.hub, way, "--how", way)
            second.tell("go")
            self.hub.wait_row(way, lambda row: row["acked"] == 21, "all acked by another")
            self.assertEqual(len(worker.found("^start")), started, "a handler began after close()")
            worker.tell("go")
            self.assertEqual(worker.wait(), 0, way)

    def test_drain_finishes_what_is_begun_and_returns_the_rest(self):
        for way in WAYS:
            self.send(self.hub, way, [f"m{i}" for i in range(10)] + ["hold it"] +
                      [f"n{i}" for i in range(100)])
        workers = self.each(("--slots", 20))
        for way, worker in workers:
            worker.wait_for("^start .* hold it")
            worker.tell("drain 30000")
            # It gives back all that it may while the one is held: no lease has to run out.
            self.hub.wait_row(way, lambda row: row["ready"] >= 80, "the rest returned")
            worker.tell("go")
        for way, worker in workers:
            self.assertEqual(worker.wait_for(r"^drained (\d)").group(1), "1", way)
            row = self.hub.wait_row(way, lambda row: row["leased"] == 0, "nothing held")
            self.finish(worker)
            done = len(worker.found("^end "))
            self.assertEqual((row["acked"], row["ready"]), (done, 111 - done), way)
            self.assertEqual(row["expired"], 0, way)


class WaysToSend(harness.World):
    def test_G1_G5_a_device_killed_under_it_loses_and_doubles_nothing(self):
        device = self.device().start()
        senders = [(how, self.sender(device, how, "--how", how, "--count", 2000, "--pause-ms", 1))
                   for how in SENDS]
        for kills in range(3):
            for how, sender in senders:
                harness.wait_until(lambda: sender.board.sent >= 400 * (kills + 1), "sends")
            device.kill()
            device.start()
        for how, sender in senders:
            self.assertEqual(sender.wait(), 0, sender.errors)
            confirmed = {m.group(1) for m in sender.found(r"^confirmed (\S+)")}
            self.assertEqual(len(confirmed), 2000, how)
            self.assertEqual(device.row(how)["accepted"], 2000, how)
            lines = self.drain(device, how, "500ms")
            self.assertEqual(lines, [f"m{i + 1}" for i in range(2000)], how)

    def test_close_returns_by_its_deadline_and_says_what_was_not_confirmed(self):
        device = self.device()
        for how in SENDS:
            sender = self.sender(device, how, "--how", how, "--count", 10, "--close-ms", 300)
            took, sent, confirmed, refused, unconfirmed = map(
                int, sender.wait_for(r"^closed (.*)").group(1).split())
            self.assertLess(took, 300 + 1000, how)
            self.assertEqual((sent, confirmed, refused, unconfirmed), (10, 0, 0, 10), how)
            self.assertEqual(len(sender.found("^unconfirmed")) if how != "callback" else 10, 10)
            self.assertEqual(sender.wait(), 1)

    def test_G6_at_the_bound_each_waits_or_is_refused_as_it_chose(self):
        device = self.device()  # not there: nothing is confirmed, so the window fills
        for how in SENDS[1:]:
            failing = self.sender(device, how, "--how", how, "--pressure", "fail", "--window", 5,
                                  "--count", 8, "--close-ms", 200)
            failing.wait_for("^closed")
            self.assertEqual(len(failing.found(r"^refused \S+ FULL")), 3, failing.lines)
            waiting = self.sender(device, how, "--how", how, "--pressure", "wait", "--pressure-ms",
                                  100, "--window", 5, "--count", 7, "--close-ms", 200)
            waiting.wait_for("^closed")
            self.assertEqual(len(waiting.found(r"^refused \S+ FULL")), 2, waiting.lines)
        blocked = self.sender(device, "blocked", "--window", 5, "--count", 20)
        harness.wait_until(lambda: blocked.board.sent == 6, "a blocked send")
        device.start()
        self.assertEqual(blocked.wait(), 0)
        self.assertEqual(device.row("blocked")["accepted"], 20)


if __name__ == "__main__":
    harness.main()
