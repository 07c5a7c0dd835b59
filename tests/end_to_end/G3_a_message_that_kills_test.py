#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A message that kills every worker that touches it, beside a hundred innocents."""

import harness

ATTEMPTS = 3
CONFIG = harness.TIMING + f"max_attempts = {ATTEMPTS}\n"
DEADLINE_S = 120


class Poison(harness.World):
    def test_G3_it_is_dead_lettered_with_its_history_and_no_innocent_is(self):
        device = self.device(config=CONFIG).start()
        innocents = [f"innocent {i}" for i in range(100)]
        self.send(device, "q", innocents[:50] + ["die now"] + innocents[50:])
        workers, deaths = [], 0
        while True:
            worker = self.worker(device, "q", "--slots", 16, "--peer", f"victim-{len(workers)}")
            workers.append(worker)

            def over():
                row = device.row("q")
                return worker.poll() is not None or row["acked"] + row["dead"] == 101
            harness.wait_until(over, "a death or the end", DEADLINE_S)
            if worker.poll() is None:
                break
            deaths += 1
            self.assertLess(deaths, 20)
        row = device.row("q")
        harness.report(deaths=deaths, acked=row["acked"], dead=row["dead"],
                       expired=row["expired"], retried=row["retried"])
        self.assertEqual((row["acked"], row["dead"], row["accepted"]), (100, 1, 101))
        self.assert_adds_up(row)
        self.finish(*workers)
        done = {m.group(1) for w in workers for m in w.found("^end (.*)")}
        self.assertEqual(done, set(innocents))
        self.assertGreaterEqual(deaths, ATTEMPTS)

        out = self.folder / "dead"
        dead = self.work(device, "q.dead", "--count", 1, "--exec",
                         f'(cat; echo; echo "$PAWL_ORIGIN"; echo "$PAWL_REASON") > {out}')
        self.assertEqual(dead.wait(), 0, dead.errors)
        body, origin, reason = out.read_text().splitlines()
        self.assertEqual((body, origin), ("die now", "q/0/50"))
        harness.report(reason=reason)
        self.assertNotEqual(reason, "")


if __name__ == "__main__":
    harness.main()
