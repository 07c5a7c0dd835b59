#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Device, workers and producers, each killed at any moment."""

import os
import random
import select
import time

import harness

ROUNDS = 25 * int(os.environ.get("PAWL_TORTURE", "1"))


class AllKilled(harness.World):
    def test_G1_G3_G5_nothing_is_lost_or_kept_twice(self):
        seed = int(os.environ.get("PAWL_SEED", time.time_ns() % 1_000_000))
        self.luck = random.Random(seed)
        self.load = self.device().start()
        self.senders, self.workers = [], []
        self.next = {name: 1 for name in ("a", "b")}
        for name in self.next:
            self.start_sender(name)
        for _ in range(3):
            self.start_worker()
        kills = {"device": 0, "worker": 0, "sender": 0}
        for _ in range(ROUNDS):
            victim = self.luck.choice(("device", "worker", "worker", "sender"))
            finished = sum(w.board.finished for w in self.workers)
            harness.wait_until(lambda: sum(w.board.finished for w in self.workers) >= finished + 20,
                               "progress")
            select.select([], [], [], self.luck.random() * 0.05)
            kills[victim] += 1
            getattr(self, f"kill_{victim}")()
        for sender in self.senders:
            if sender.poll() is None:
                sender.kill()
        self.account(kills, seed)

    def start_sender(self, name):
        """Goes on under the same name at the first number that it does not know as confirmed."""
        sender = self.sender(self.load, "q", "--name", name, "--prefix", f"{name}-", "--first",
                             self.next[name], "--count", 10_000_000, "--window", 300, "--pause-ms",
                             1)
        sender.name = name
        self.senders.append(sender)

    def start_worker(self):
        way = self.luck.choice(("handler", "batch", "pull", "descriptor", "coroutine"))
        self.workers.append(self.worker(self.load, "q", "--how", way, "--pause-ms", 1,
                                        "--prefetch", self.luck.choice((1, 20, 200))))

    def kill_device(self):
        self.load.kill()
        self.load.start()

    def kill_worker(self):
        alive = [w for w in self.workers if w.poll() is None]
        self.luck.choice(alive).kill()
        self.start_worker()

    def kill_sender(self):
        sender = self.luck.choice([s for s in self.senders if s.poll() is None])
        sender.kill()
        numbers = {int(m.group(1)) for m in sender.found(r"^confirmed \w+-(\d+)")}
        while self.next[sender.name] in numbers:
            self.next[sender.name] += 1
        self.start_sender(sender.name)

    def account(self, kills, seed):
        row = self.load.wait_row("q", lambda row: row["acked"] + row["dead"] == row["accepted"],
                                 "a queue worked to its end")
        self.finish(*self.workers)
        done = [m.group(1) for w in self.workers for m in w.found(r"^end (\S+)")]
        dead = self.drain(self.load, "q.dead") if row["dead"] else []
        confirmed = {m.group(1) for s in self.senders for m in s.found(r"^confirmed (\S+)")}
        self.assertFalse([m for s in self.senders for m in s.found("^(refused|error)")])
        harness.report(seed=seed, kills=kills, confirmed=len(confirmed), processed=len(done),
                       processed_twice=len(done) - len(set(done)), dead=len(dead),
                       accepted=row["accepted"], expired=row["expired"])
        self.assertEqual(confirmed - set(done) - set(dead), set(), "lost (G1)")
        self.assertEqual(dead, [], "nobody failed five times alone (G3)")
        self.assertEqual(row["accepted"], len(set(done)), "kept twice (G5)")
        self.assert_adds_up(row)


if __name__ == "__main__":
    harness.main()
