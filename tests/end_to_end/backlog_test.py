#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A million messages that nobody takes: the device stays small, comes back at once after a kill,
and gives them all."""

import harness

MESSAGES = 100_000 if harness.SANITIZED else 1_000_000
RSS_MAX = (2000 if harness.SANITIZED else 150) << 20
START_MAX_S = 20.0 if harness.SANITIZED else 2.0


class Backlog(harness.World):
    def test_G6_a_million_wait_in_the_store_and_not_in_memory(self):
        device = self.device().start()
        path = self.folder / "lines"
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{i:09d} {'.' * 90}\n" for i in range(MESSAGES))
        sender = self.pawl("send", "--to", device.endpoint, "--queue", "q", "--file", path)
        highest = [0]

        def sent():
            highest[0] = max(highest[0], device.process.rss())
            return sender.poll() is not None
        harness.wait_until(sent, "a million confirmed")
        self.assertEqual(sender.wait(), 0, sender.errors)
        self.assertEqual(device.row("q")["ready"], MESSAGES)
        device.kill()
        device.start()
        row = device.row("q")
        harness.report(sent=sender.errors[-1], rss_mb=highest[0] >> 20,
                       rss_after_restart_mb=device.process.rss() >> 20,
                       restart_s=round(device.start_s, 3))
        self.assertEqual((row["ready"], row["accepted"]), (MESSAGES, MESSAGES))
        self.assertLess(highest[0], RSS_MAX)
        self.assertLess(device.start_s, START_MAX_S)

        outputs = [self.folder / f"out{i}" for i in range(2)]
        workers = [self.start("/bin/sh", "-c", f'exec "$0" "$@" > {output}',
                              harness.PROGRAMS / "pawl", "work", "--from", device.endpoint,
                              "--queue", "q", "--idle-exit", "2s") for output in outputs]

        def drained():
            highest[0] = max(highest[0], device.process.rss())
            return all(worker.poll() is not None for worker in workers)
        harness.wait_until(drained, "a queue worked to its end")
        self.assertEqual([worker.wait() for worker in workers], [0, 0])
        got = sorted(number for output in outputs for number in self.numbers(output))
        self.assertEqual(len(got), MESSAGES)
        self.assertTrue(all(a == b for a, b in zip(got, range(MESSAGES))), "each once")
        row = device.row("q")
        harness.report(drained=[worker.errors[-1] for worker in workers], rss_mb=highest[0] >> 20)
        self.assertEqual((row["acked"], row["ready"], row["leased"]), (MESSAGES, 0, 0))
        self.assertLess(highest[0], RSS_MAX)

    @staticmethod
    def numbers(path):
        with open(path, encoding="ascii") as file:
            return [int(line[:9]) for line in file]


if __name__ == "__main__":
    harness.main()
