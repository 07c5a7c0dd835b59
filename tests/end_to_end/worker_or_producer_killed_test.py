#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a worker in the middle of a handler, and of a producer in the middle of a batch."""

import contextlib
import os
import random
import signal
import threading

import harness

ROUNDS = 5 * int(os.environ.get("PAWL_TORTURE", "1"))
LINES = 600_000


class WorkerKilled(harness.World):
    def test_G1_a_worker_killed_in_its_handler_leaves_the_message_to_the_next(self):
        device = self.device().start()
        names = [f"work {i}" for i in range(200)]
        self.send(device, "q", names[:100] + ["hold it"] + names[100:])
        worker = self.worker(device, "q", "--peer", "killed")
        worker.wait_for("^start .* hold it")
        worker.kill()
        second = self.worker(device, "q", "--peer", "second")
        second.tell("go")
        device.wait_row("q", lambda row: row["acked"] == row["accepted"], "all acked")
        again = second.wait_for("^start (.*) hold it").group(1).split()
        first = worker.wait_for("^start (.*) hold it").group(1).split()
        row = device.row("q")
        self.finish(second)
        done = {m.group(1) for w in (worker, second) for m in w.found("^end (.*)")}
        self.assertEqual(done, set(names) | {"hold it"})
        self.assertGreater(int(again[1]), int(first[1]), "a later lease is a greater token (G2)")
        harness.report(processed=len(done), expired=row["expired"], attempt=int(again[0]))
        self.assertEqual((row["accepted"], row["acked"], row["dead"]), (201, 201, 0))
        self.assertGreater(row["expired"], 0)
        self.assert_adds_up(row)

    def test_G1_workers_killed_at_random_lose_nothing(self):
        device = self.device().start()
        luck = random.Random(7)
        sender = self.sender(device, "q", "--count", 400 * ROUNDS, "--prefix", "m", "--pause-ms", 1)
        workers, inside = [], 0
        for _ in range(ROUNDS):
            workers.append(self.worker(device, "q", "--pause-ms", 2, "--prefetch", 50))
            workers[-1].wait_for("^end ", count=luck.randrange(20, 150))
            inside += workers[-1].board.started - workers[-1].board.finished
            workers[-1].kill()
        workers.append(self.worker(device, "q"))
        self.assertEqual(sender.wait(), 0)
        device.wait_row("q", lambda row: row["acked"] == 400 * ROUNDS, "all acked")
        self.finish(*workers)
        done = [m.group(1) for w in workers for m in w.found("^end (.*)")]
        self.assertEqual(set(done), {f"m{i + 1}" for i in range(400 * ROUNDS)})
        row = device.row("q")
        harness.report(kills=ROUNDS, inside_a_handler=inside, processed=len(done),
                       processed_twice=len(done) - len(set(done)), expired=row["expired"])
        self.assertEqual((row["accepted"], row["dead"]), (400 * ROUNDS, 0))
        self.assert_adds_up(row)


class ProducerKilled(harness.World):
    def test_G5_a_named_send_killed_in_the_middle_goes_on_where_it_stopped(self):
        device = self.device().start()
        path = self.folder / "lines"
        path.write_text("".join(f"line {i} {'.' * 60}\n" for i in range(LINES)))
        command = ("send", "--to", device.endpoint, "--queue", "q", "--producer", "importer")
        luck = random.Random(3)
        kills = 0
        for _ in range(3):
            sender = self.pawl(*command)
            # Its input does not end, so neither can it before it is killed.
            feeder = threading.Thread(target=self.feed, args=(sender, path))
            feeder.start()
            least = self.accepted(device) + luck.randrange(1, LINES // 20)
            harness.wait_until(lambda: self.accepted(device) >= least, "some of it accepted")
            kills += feeder.is_alive()  # it had lines to read, so it was in the middle
            sender.signal(signal.SIGKILL)
            feeder.join()
            sender.wait()
        kept = self.accepted(device)
        self.assertGreater(kills, 0)
        sender = self.pawl(*command, "--file", path)
        self.assertEqual(sender.wait(), 0, sender.errors)
        self.assertRegex(sender.errors[-1], f"^confirmed {LINES} of {LINES} in ")
        already = int(sender.errors[-2].split()[0])
        self.assertRegex(sender.errors[-2], r"^\d+ were already kept$")
        self.assertGreaterEqual(already, kept)
        self.assertEqual(self.accepted(device), LINES)
        harness.report(kills=kills, already_kept=already, accepted=LINES)
        lines = self.drain(device, "q")
        self.assertEqual(lines, path.read_text().splitlines(), "in order, once (G4, G5)")

    @staticmethod
    def feed(sender, path):
        with contextlib.suppress(BrokenPipeError):
            sender.process.stdin.write(path.read_bytes())

    def accepted(self, device):
        row = device.row("q")
        return row["accepted"] if row else 0


if __name__ == "__main__":
    harness.main()
