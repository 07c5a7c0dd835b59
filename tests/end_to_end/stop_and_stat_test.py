#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load, numbers that add up, and peers in Python beside those in C++."""

import json
import os
import pathlib
import signal
import sys

import harness

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "python"
KEYS = {"name", "ready", "leased", "delayed", "dead", "accepted", "acked", "retried", "expired",
        "workers", "producers", "bytes", "oldest_ready_age_s"}


class Stop(harness.World):
    def test_G1_sigterm_under_load_ends_it_well_within_two_seconds(self):
        device = self.device().start()
        senders = [self.sender(device, "q", "--prefix", f"{name}-", "--count", 10_000_000, "--size",
                               1000, "--window", 5000) for name in "ab"]
        worker = self.worker(device, "q")
        took = []
        for _ in range(3):
            for sender in senders:
                sender.wait_for("^confirmed", start=len(sender.lines), count=500)
            # Told to come again in a second, as the senders are: it may be the later of them.
            device.wait_row("q", lambda row: row["workers"] == 1, "the worker is there again")
            code, seconds = device.stop()
            took.append(round(seconds, 2))
            self.assertEqual(code, 0, device.process.errors)
            self.assertLess(seconds, 2.0)
            device.start()
        for sender in senders:
            sender.kill()
        row = device.wait_row("q", lambda row: row["acked"] == row["accepted"], "all acked")
        worker.tell("close 5000")
        self.assertEqual(worker.wait(), 0)
        done = [m.group(1) for m in worker.found(r"^end (\S+)")]
        confirmed = {m.group(1) for s in senders for m in s.found(r"^confirmed (\S+)")}
        harness.report(took_s=took, confirmed=len(confirmed), accepted=row["accepted"])
        self.assertEqual(confirmed - set(done), set())
        self.assertEqual(row["accepted"], len(set(done)))
        self.assertEqual(row["expired"], 0)

    def test_the_age_of_the_oldest_message_survives_a_restart_without_any_peer(self):
        device = self.device().start()
        self.send(device, "q", range(3))
        device.kill()
        device.start()
        device.wait_row("q", lambda row: row["oldest_ready_age_s"] > 0, "an age")

    def test_all_peers_are_told(self):
        device = self.device(memory=True).start()
        workers = [self.work(device, "q") for _ in range(6)]
        for number in range(1, 6):
            device.wait_row("q", lambda row: row["workers"] == len(workers), "all workers")
            self.assertEqual(device.stop()[0], 0)
            for worker in workers:
                worker.wait_for("connection lost: the hub goes away", lines=worker.errors,
                                count=number)
            device.start()

    def test_peers_are_told_and_wait(self):
        device = self.device().start()
        self.send(device, "q", ["hold it"])
        worker = self.worker(device, "q")
        worker.wait_for("^start .* hold it")
        self.assertEqual(device.stop()[0], 0)
        device.start()
        worker.tell("go")
        row = device.wait_row("q", lambda row: row["acked"] == 1, "the ack")
        self.assertEqual((len(worker.found("^start")), row["expired"]), (1, 0))


class StoreFormat(harness.World):
    def test_a_store_of_an_unknown_format_is_refused_with_a_sentence(self):
        device = self.device().start()
        self.send(device, "q", ["kept"])
        device.stop()
        program = harness.PEERS / "pawl-test-age-store"
        self.assertEqual(self.start(program, device.data, 77).wait(), 0)
        refused = self.start(*device.command)
        self.assertEqual(refused.wait(), 1)
        self.assertRegex(refused.errors[-1], "the store has format 77, this version reads format")
        self.assertEqual(self.start(program, device.data, 1).wait(), 0)
        device.start()
        self.assertEqual(self.drain(device, "q"), ["kept"])


class Stat(harness.World):
    def test_every_number_is_there_and_they_add_up(self):
        device = self.device().start()
        self.send(device, "q", [f"m{i}" for i in range(50)] + ["nack it"] * 3 + ["reject it"] * 2 +
                  ["hold it"] + [f"n{i}" for i in range(20)])
        worker = self.worker(device, "q", "--threads", 2)
        worker.wait_for("^start .* hold it")
        self.sender(device, "other", "--count", 10).wait()
        device.wait_row("q", lambda row: row["dead"] == 5 and row["acked"] == 70, "five dead")
        tool = self.pawl("stat", "--at", device.endpoint, "--json")
        self.assertEqual(tool.wait(), 0)
        stat = json.loads("\n".join(tool.lines))
        self.assertEqual(set(stat), {"device", "queues"})
        rows = {row["name"]: row for row in stat["queues"]}
        self.assertEqual(list(rows), ["other", "q", "q.dead"])
        for row in rows.values():
            self.assertLessEqual(KEYS, set(row))
            self.assertTrue(all(isinstance(row[key], (int, float)) for key in KEYS - {"name"}), row)
            self.assert_adds_up(row)
        row = rows["q"]
        self.assertEqual((row["accepted"], row["dead"], row["acked"], row["retried"],
                          row["workers"]), (76, 5, 70, 12, 1))
        self.assertEqual((rows["q.dead"]["ready"], rows["other"]["ready"]), (5, 10))
        self.assertGreater(rows["other"]["bytes"], 0)
        worker.tell("go")
        device.wait_row("q", lambda row: row["acked"] == 71, "all acked")
        device.kill()
        device.start()
        again = device.stat()
        for name in ("accepted", "acked", "dead", "retried"):
            self.assertEqual(again["q"][name], {**row, "acked": 71}[name], name)


class Python(harness.World):
    def python(self, program, device, *arguments):
        return self.start(sys.executable, EXAMPLES / program, device.endpoint, "q", *arguments,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    def test_a_producer_in_python_for_workers_in_cpp(self):
        device = self.device().start()
        producer = self.python("producer.py", device)
        lines = [f"line {i}" for i in range(2000)]
        for line in lines:
            producer.tell(line)
        self.assertEqual(producer.wait(), 0, producer.errors)
        self.assertEqual(self.drain(device, "q"), lines)

    def test_G1_a_worker_in_python_killed_in_the_middle_and_a_redelivery(self):
        device = self.device().start()
        lines = [f"line {i}" for i in range(300)]
        self.send(device, "q", lines)
        first = self.python("worker.py", device)
        first.wait_for("^line", count=50)
        first.signal(signal.SIGSTOP)
        # It may have stopped with nothing in hand; the hub gives it more, since it has credit.
        device.wait_row("q", lambda row: row["leased"] > 0, "something in its hands")
        first.kill()
        second = self.python("worker.py", device, "--count", "100")
        self.assertEqual(second.wait(), 0, second.errors)
        third = self.drain(device, "q", "3s")
        self.assertEqual(set(first.lines + second.lines + third), set(lines))
        again = len(first.lines + second.lines + third) - len(lines)
        row = device.row("q")
        harness.report(again=again, expired=row["expired"])
        self.assertEqual((row["acked"], row["dead"]), (300, 0))
        self.assertGreater(row["expired"], 0)
        self.assert_adds_up(row)


if __name__ == "__main__":
    harness.main()
