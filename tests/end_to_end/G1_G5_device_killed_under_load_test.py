#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the device at random moments under load, thirty times and more. A kill counts only if
the clients' own boards say, a moment before it, that a SEND is unconfirmed and a lease is out."""

import os
import random
import select
import time

import harness
from harness import wait_until

KILLS = 30 * int(os.environ.get("PAWL_TORTURE", "1"))
TRIES = 3 * KILLS


class DeviceKilledUnderLoad(harness.World):
    def test_G1_G5_what_was_confirmed_is_processed_and_nothing_is_kept_twice(self):
        device = self.device().start()
        seed = int(os.environ.get("PAWL_SEED", time.time_ns() % 1_000_000))
        luck = random.Random(seed)
        senders = [self.sender(device, "load", "--count", 10_000_000, "--prefix", "anonymous-",
                               "--size", 300, "--window", 400, "--pause-ms", 1),
                   self.sender(device, "load", "--count", 10_000_000, "--prefix", "named-",
                               "--name", "named", "--window", 400, "--pause-ms", 1)]
        workers = [self.worker(device, "load", "--pause-ms", 1, "--prefetch", 64, "--peer", f"w{i}")
                   for i in range(2)]
        counted = tries = 0
        while counted < KILLS:
            tries += 1
            self.assertLess(tries, TRIES, "too few moments with a SEND unconfirmed and a lease out")
            self.await_progress(senders, workers)
            select.select([], [], [], luck.random() * 0.15)
            unconfirmed = sum(s.board.sent - s.board.confirmed - s.board.refused for s in senders)
            leased = sum(w.board.started - w.board.finished for w in workers)
            device.kill()
            counted += unconfirmed > 0 and leased > 0
            device.start()
        for sender in senders:  # mid-flow: what it knows as confirmed is in its lines
            sender.kill()
        self.settle(device, senders, workers)
        self.account(device, senders, workers, counted=counted, kills=tries, seed=seed)

    def await_progress(self, senders, workers):
        """Each peer has come back and got an answer or a message from this boot of the device."""
        before = [(s.board.confirmed, s) for s in senders]
        begun = [(w.board.started, w) for w in workers]
        wait_until(lambda: all(s.board.confirmed > n for n, s in before)
                   and all(w.board.started > n + 5 for n, w in begun), "progress after a restart")

    def settle(self, device, senders, workers):
        device.wait_row("load", lambda row: row["acked"] + row["dead"] == row["accepted"],
                        "a queue worked to its end")
        self.finish(*workers)

    def account(self, device, senders, workers, **counts):
        confirmed = [m.group(1) for s in senders for m in s.found(r"^confirmed (\S+)")]
        processed = [m.group(1) for w in workers for m in w.found(r"^end (\S+)")]
        refused = [m.group(0) for s in senders for m in s.found(r"^(refused|error)")]
        row = device.row("load")
        dead = set(self.drain(device, "load.dead")) if row["dead"] else set()
        harness.report(**counts, confirmed=len(confirmed), processed=len(processed),
                       processed_twice=len(processed) - len(set(processed)), dead=len(dead),
                       accepted=row["accepted"])
        self.assertEqual(refused, [])
        self.assertEqual(len(confirmed), len(set(confirmed)), "confirmed twice")
        lost = set(confirmed) - set(processed) - {body.split()[0] for body in dead}
        self.assertEqual(lost, set(), "confirmed, and neither processed nor dead (G1)")
        # Every message in the queue is a different one (G5): accepted is how many different ones.
        different = set(processed) | {body.split()[0] for body in dead}
        self.assertEqual(row["accepted"], len(different), "kept twice (G5)")
        self.assertLessEqual(set(confirmed), different)
        self.assert_adds_up(row)


if __name__ == "__main__":
    harness.main()
