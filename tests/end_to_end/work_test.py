#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pawl work as its manual says: outcomes, exit codes, signals, what ends it, last lines."""

import os
import re
import signal
import subprocess
import time
import unittest

from device import DEADLINE_S, PAWL, QUICK, Device, last_lines, pawl, rows, start_pawl


class WorkTest(unittest.TestCase):
    def work(self, device, command, *more, queue="q"):
        return pawl("work", "--from", device.endpoint, "--queue", queue, "--exec", command, *more)

    def draining(self, device, lines):
        """A worker whose first command reads from a pipe, and which was told to drain."""
        pawl("send", "--to", device.endpoint, "--queue", "q", stdin=lines)
        fifo = device.path("fifo")
        os.mkfifo(fifo)
        work = start_pawl("work", "--from", device.endpoint, "--queue", "q", "--exec",
                          f"echo started; cat {fifo}")
        self.assertEqual(work.stdout.readline(), "started\n")
        work.send_signal(signal.SIGTERM)
        self.assertIn("finishing", work.stderr.readline())
        return work, fifo

    def test_a_command_finds_the_message_in_its_environment(self):
        with Device() as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", "--null", "--header",
                 "content-type=text/plain", stdin="two\nlines\0")
            result = self.work(device, "cat; unset PAWL_PROGRAMS PAWL_TEST_PEERS PAWL_SANITIZED; "
                                       "env | grep ^PAWL_ | sort", "--count", 1)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stdout.splitlines(), [
                "two", "linesPAWL_ATTEMPT=1", "PAWL_HEADER_CONTENT_TYPE=text/plain",
                "PAWL_ID=q/0/0", "PAWL_QUEUE=q"])

    def test_headers_are_told_by_one_rule_and_never_become_other_variables(self):
        with Device() as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", "--header", "a_b=underscore",
                 "--header", "a-b=hyphen", "--header", "LD_PRELOAD=/evil.so", "--header",
                 "x\nPATH=y=z", stdin="m\n")
            os.environ["PAWL_HEADER_LEFT"] = os.environ["PAWL_REASON"] = "of another message"
            self.addCleanup(os.environ.pop, "PAWL_HEADER_LEFT")
            self.addCleanup(os.environ.pop, "PAWL_REASON")
            result = self.work(device, "env | grep -a -e ^PAWL_HEADER_ -e ^PAWL_REASON "
                                       "-e ^LD_PRELOAD -e ^PATH=y | sort", "--count", 1)
            self.assertEqual(result.stdout.splitlines(), [
                "PAWL_HEADER_A_B=hyphen", "PAWL_HEADER_LD_PRELOAD=/evil.so",
                "PAWL_HEADER_X_PATH=y=z"])

    def test_G3_failures_go_to_the_dead_letters_with_the_tail_of_stderr(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="bad\n")
            result = self.work(device, "echo cannot >&2; exit 3", "--count", 2)
            self.assertEqual(last_lines(result)[0],
                             "acked 0, nacked 2, rejected 0, returned 0, stale 0")
            dead = self.work(device, 'echo "$(cat) $PAWL_ORIGIN $PAWL_REASON"', "--count", 1,
                             queue="q.dead")
            self.assertEqual(dead.stdout, "bad q/0/0 exit 3: cannot\n", dead.stderr)
            self.assertEqual(rows(device)["q"]["dead"], 1)

    def test_a_closed_standard_output_is_no_fault_of_the_messages(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\nb\n")
            result = subprocess.run(
                ["sh", "-c", f"{PAWL} work --from '{device.endpoint}' --queue q --exec cat "
                             "--idle-exit 1s >&-"],
                stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("standard output is closed", result.stderr)
            self.assertEqual(rows(device)["q"]["ready"], 2)

    def test_exit_65_rejects_at_once(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="bad\n")
            result = self.work(device, "exit 65", "--count", 1)
            self.assertIn("rejected 1", last_lines(result)[0])
            self.assertEqual(rows(device)["q.dead"]["ready"], 1)

    def test_exit_75_returns_uncounted_after_the_first_backoff(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="later\n")
            flag = device.path("flag")
            result = self.work(device, f'[ -e {flag} ] && echo "$PAWL_ATTEMPT" && exit 0; '
                                       f"touch {flag}; exit 75", "--count", 1)
            self.assertEqual(result.stdout, "1\n")
            self.assertIn("acked 1, nacked 0, rejected 0, returned 1", last_lines(result)[0])

    def test_G3_exit_75_waits_longer_each_time_so_that_an_outage_uses_up_no_handouts(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="later\n")
            work = start_pawl("work", "--from", device.endpoint, "--queue", "q", "--exec",
                              "date +%s%N; exit 75")
            times = [int(work.stdout.readline()) / 1e6 for _ in range(5)]
            work.send_signal(signal.SIGTERM)
            _, said = work.communicate(timeout=DEADLINE_S)
            self.assertEqual(work.returncode, 0, said)
            waits = [after - before for before, after in zip(times, times[1:])]
            for wait, least in zip(waits, (50, 100, 200, 400)):
                self.assertGreaterEqual(wait, least - 1, waits)

    def test_G3_a_command_that_outlasts_the_handler_timeout_is_ended_and_its_place_is_free(self):
        config = QUICK + '[queue.q]\nhandler_timeout = "500ms"\nmax_attempts = 1\n'
        with Device(config=config) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="slow\nfast\n")
            result = self.work(device, 'read body; echo "$body $$"; '
                                       'case $body in slow) exec sleep 1000;; esac', "--count", 2)
            self.assertEqual(result.returncode, 0, result.stderr)
            slow, fast = result.stdout.splitlines()
            self.assertTrue(slow.startswith("slow ") and fast.startswith("fast "), result.stdout)
            with self.assertRaises(ProcessLookupError):
                os.kill(int(slow.split()[1]), 0)
            self.assertIn("pawl work: q/0/0: attempt 1 failed: ran for 500 ms, the queue's "
                          "handler_timeout", result.stderr)
            # While the only handler is late and not ended yet, what else is at hand may go back.
            self.assertRegex(last_lines(result)[0],
                             "^acked 1, nacked 1, rejected 0, returned [01], stale 0$")
            row = rows(device)["q"]
            self.assertEqual((row["acked"], row["dead"], row["leased"]), (1, 1, 0))
            dead = self.work(device, 'echo "$PAWL_REASON"', "--count", 1, queue="q.dead")
            self.assertRegex(dead.stdout, "^handler time-out")

    def test_why_a_message_failed_or_was_rejected_is_told_with_its_id(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="3\n65\n")
            result = self.work(device, 'read code; echo "no such" >&2; echo order >&2; exit $code',
                               "--count", 3)
            self.assertIn("pawl work: q/0/0: attempt 1 failed: exit 3: order\n", result.stderr)
            self.assertIn("pawl work: q/0/1: rejected: exit 65: order\n", result.stderr)

    def test_a_reader_that_ends_ends_the_work_and_nothing_is_lost(self):
        with Device(config=QUICK) as device:
            work = start_pawl("work", "--from", device.endpoint, "--queue", "q")
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\n")
            self.assertEqual(work.stdout.readline(), "a\n")
            work.stdout.close()  # as `head -1` does; nothing is written after that
            said = work.stderr.read()
            self.assertEqual(work.wait(DEADLINE_S), 1, said)
            self.assertIn("standard output takes no more (Broken pipe): what was not written goes "
                          "back to the queue", said)
            self.assertIn("acked 1, nacked 0, rejected 0, returned 0, stale 0", said)
            work.stdin.close()
            work.stderr.close()

    def test_G1_what_could_not_be_printed_goes_back_uncounted(self):
        with Device(config=QUICK) as device:
            lines = "".join(f"{i}\n" for i in range(300))
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin=lines)
            with open("/dev/full", "w", encoding="ascii") as full:
                result = subprocess.run(
                    [PAWL, "work", "--from", device.endpoint, "--queue", "q"], stdout=full,
                    stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("standard output takes no more (No space left on device)", result.stderr)
            self.assertRegex(last_lines(result)[0],
                             r"^acked 0, nacked 0, rejected 0, returned \d+, stale 0$")
            row = rows(device)["q"]
            self.assertEqual((row["ready"], row["acked"], row["retried"]), (300, 0, 0))

    def test_G1_what_was_written_before_the_reader_ended_is_acked_and_the_rest_goes_back(self):
        with Device(config=QUICK) as device:
            body = "x" * 1000
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin=f"{body}\n" * 200)
            work = start_pawl("work", "--from", device.endpoint, "--queue", "q")
            self.assertEqual(work.stdout.readline(), body + "\n")
            work.stdout.close()
            said = work.stderr.read()
            self.assertEqual(work.wait(DEADLINE_S), 1, said)
            row = rows(device)["q"]
            acked = int(re.search(r"^acked (\d+), nacked 0, rejected 0, returned \d+, stale 0$",
                                  said, re.MULTILINE).group(1))
            self.assertEqual((row["acked"], row["ready"]), (acked, 200 - acked))
            self.assertTrue(0 < acked < 200, acked)
            work.stdin.close()
            work.stderr.close()

    def test_commands_that_write_where_nobody_reads_are_not_to_blame(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\n")
            work = start_pawl("work", "--from", device.endpoint, "--queue", "q", "--exec", "cat")
            self.assertEqual(work.stdout.read(1), "a")
            work.stdout.close()
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="b\n")
            said = work.stderr.read()
            self.assertEqual(work.wait(DEADLINE_S), 1, said)
            row = rows(device)["q"]
            self.assertEqual((row["acked"], row["ready"], row["retried"]), (1, 1, 0), said)
            work.stdin.close()
            work.stderr.close()

    @unittest.skipIf(os.environ.get("PAWL_SANITIZED"),
                     "the sanitizers' runtimes need descriptors of their own")
    def test_G3_a_worker_without_descriptors_blames_no_message(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="m\n" * 40)
            work = [PAWL, "work", "--from", device.endpoint, "--queue", "q", "--exec", "sleep 0.2",
                    "--concurrency", "40", "--count", "40"]
            result = subprocess.run(["prlimit", "--nofile=80:80", *work], stderr=subprocess.PIPE,
                                    text=True, timeout=DEADLINE_S, check=False)
            self.assertIn("limit on descriptors is too low for --concurrency", result.stderr)
            self.assertIn("given back: not started: pipe: Too many open files", result.stderr)
            self.assertRegex(last_lines(result)[0],
                             r"^acked 40, nacked 0, rejected 0, returned [1-9]\d*, stale 0$")

    def test_the_limit_on_descriptors_is_raised_as_far_as_commands_need_it(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="m\n")
            result = subprocess.run(
                ["prlimit", "--nofile=64:4096", PAWL, "work", "--from", device.endpoint, "--queue",
                 "q", "--exec", "ulimit -n", "--concurrency", "100", "--count", "1"],
                capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            self.assertEqual(result.stdout, "656\n", result.stderr)

    def test_mistakes_are_refused_before_anything_is_taken(self):
        number = "is not allowed: a whole number from 1 to"
        for arguments, remedy in (
                (["--count", "0"], f'--count: "0" {number}'), (["--count", "-1"], number),
                (["--count", "many"], number), (["--prefetch", "0"], f'--prefetch: "0" {number}'),
                (["--exec", "true", "--concurrency", "0"], f'--concurrency: "0" {number} 1024'),
                (["--exec", "true", "--concurrency", "1025"], number),
                (["--exec", ""], "is empty: give a value, or leave the option out"),
                (["--concurrency", "2"], "--concurrency requires --exec"),
                (["--idle-exit", "2"], '"2" is no span'), (["--idle-exit", "0"], "at least 1ms"),
                (["--from", ""], "is empty: give a value, or leave the option out")):
            with self.subTest(arguments=arguments):
                result = pawl("work", "--queue", "q", *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(remedy, result.stderr)

    def test_idle_exit_ends_when_nothing_comes(self):
        with Device(memory=True) as device:
            begun = time.monotonic()
            result = pawl("work", "--from", device.endpoint, "--queue", "q", "--idle-exit", "300ms")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertGreater(time.monotonic() - begun, 0.25)

    def test_an_absent_device_is_waited_for_and_said_so(self):
        work = start_pawl("work", "--from", "tcp://127.0.0.1:9", "--queue", "q")
        self.assertEqual(work.stderr.readline(),
                         "pawl work: waiting for a device at tcp://127.0.0.1:9\n")
        work.terminate()
        work.communicate(timeout=DEADLINE_S)

    def test_a_device_that_went_away_was_there(self):
        with Device(memory=True) as device:
            work = start_pawl("work", "--from", device.endpoint, "--queue", "q", "--idle-exit",
                              "1500ms")
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\n")
            self.assertEqual(work.stdout.readline(), "a\n")
            until = time.monotonic() + DEADLINE_S
            while rows(device)["q"]["acked"] < 1:
                self.assertLess(time.monotonic(), until)
            device.kill()
            _, said = work.communicate(timeout=DEADLINE_S)
            self.assertNotIn("no device", said)
            self.assertIn("acked 1,", said.splitlines()[-1])

    def test_the_first_sigterm_drains_and_the_rest_goes_back(self):
        with Device(config=QUICK) as device:
            work, fifo = self.draining(device, "a\nb\nc\n")
            with open(fifo, "w", encoding="utf-8") as file:
                file.write("done\n")
            out, said = work.communicate(timeout=DEADLINE_S)
            self.assertEqual((work.returncode, out), (0, "done\n"), said)
            self.assertIn("acked 1,", said.splitlines()[-1])
            self.assertEqual(rows(device)["q"]["ready"], 2)

    def test_a_second_sigterm_stops_at_once_and_returns_what_is_held(self):
        with Device(config=QUICK) as device:
            work, _ = self.draining(device, "a\n")
            work.send_signal(signal.SIGTERM)
            _, said = work.communicate(timeout=5)
            self.assertEqual(work.returncode, 128 + signal.SIGTERM, said)
            self.assertEqual(rows(device)["q"]["ready"], 1)
            again = self.work(device, 'echo "$PAWL_ATTEMPT"', "--count", 1)
            self.assertEqual(again.stdout, "1\n")

    def test_concurrency_runs_so_many_at_once(self):
        with Device(memory=True) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\nb\n")
            # Each waits for the other: with one at a time this would not end.
            fifo = device.path("fifo")
            os.mkfifo(fifo)
            each = f'case "$(cat)" in a) cat {fifo};; b) echo both > {fifo};; esac'
            result = self.work(device, each, "--count", 2, "--concurrency", 2)
            self.assertEqual(result.stdout, "both\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
