#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pawl send as its manual says: what is confirmed, what is not, exit codes, last lines."""

import re
import signal
import subprocess
import time
import unittest

from device import DEADLINE_S, PAWL, QUICK, Device, last_lines, pawl, rows, start_pawl


class SendTest(unittest.TestCase):
    def test_every_line_is_confirmed_and_the_last_line_says_so(self):
        with Device() as device:
            result = pawl("send", "--to", device.endpoint, "--queue", "q", "--durable",
                          stdin="a\n\nc")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(last_lines(result)[0], r"^confirmed 3 of 3 in \d+\.\d\d s$")
            got = pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 3)
            self.assertEqual(got.stdout, "a\n\nc\n")
            self.assertEqual(got.returncode, 0, got.stderr)

    def test_G5_a_named_producer_run_again_adds_nothing(self):
        with Device() as device:
            command = ["send", "--to", device.endpoint, "--queue", "q", "--producer", "me"]
            first = pawl(*command, stdin="a\nb\n")
            self.assertEqual(last_lines(first, 2)[0], "0 were already kept")
            longer = pawl(*command, stdin="a\nb\nc\n")
            self.assertEqual(last_lines(longer, 2)[0], "2 were already kept")
            self.assertIn("confirmed 3 of 3", last_lines(longer)[0])
            again = pawl(*command, stdin="a\nb\nc\n")
            self.assertEqual(last_lines(again, 2)[0], "3 were already kept")
            self.assertIn("one name, one input", again.stderr)
            self.assertEqual(rows(device)["q"]["accepted"], 3)

    def test_G1_a_named_producers_refused_line_is_sent_by_the_next_run_that_mends_it(self):
        with Device() as device:
            command = ["send", "--to", device.endpoint, "--queue", "q", "--producer", "me"]
            first = pawl(*command, stdin="a\n" + "x" * 2_000_000 + "\nc\nd\n")
            self.assertEqual(first.returncode, 1)
            self.assertIn("confirmed 3 of 4", last_lines(first)[0])
            mended = pawl(*command, stdin="a\nb\nc\nd\ne\n")
            self.assertEqual(last_lines(mended, 2)[0], "3 were already kept")
            self.assertIn("confirmed 5 of 5", last_lines(mended)[0])
            self.assertEqual(rows(device)["q"]["accepted"], 5)
            got = pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 5)
            self.assertEqual(sorted(got.stdout.split()), ["a", "b", "c", "d", "e"])

    def test_durable_is_refused_by_a_device_in_memory(self):
        with Device(memory=True) as device:
            result = pawl("send", "--to", device.endpoint, "--queue", "q", "--durable", stdin="a\n")
            self.assertEqual(result.returncode, 1)
            self.assertIn("confirmed 0 of", last_lines(result)[0])

    def test_an_absent_device_is_waited_for_as_long_as_said(self):
        result = pawl("send", "--to", "tcp://127.0.0.1:9", "--queue", "q", "--wait", "300ms",
                      stdin="a\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no device at tcp://127.0.0.1:9", result.stderr)
        self.assertNotIn("resolve", result.stderr)
        self.assertIn("confirmed 0 of 1", last_lines(result)[0])

    def test_a_name_that_does_not_resolve_is_said(self):
        nowhere = "tcp://nowhere.invalid:7295"
        sent = pawl("send", "--to", nowhere, "--queue", "q", "--wait", "300ms", stdin="a\n")
        worked = pawl("work", "--from", nowhere, "--queue", "q", "--idle-exit", "300ms")
        for result in sent, worked:
            self.assertEqual(result.returncode, 1)
            self.assertIn("the name nowhere.invalid does not resolve", result.stderr)

    def test_a_line_that_is_too_long_is_named_and_the_others_are_sent(self):
        with Device(memory=True) as device:
            result = pawl("send", "--to", device.endpoint, "--queue", "q",
                          stdin="a\n" + "x" * 2_000_000 + "\nb\n")
            self.assertEqual(result.returncode, 1)
            self.assertIn("message 2 is longer than 1 MiB", result.stderr)
            self.assertIn("confirmed 2 of 3", last_lines(result)[0])

    def test_a_fenced_producer_says_what_it_took_and_is_gone_at_once(self):
        with Device(memory=True) as device:
            command = ["send", "--to", device.endpoint, "--queue", "q", "--producer", "me"]
            older = start_pawl(*command)
            older.stdin.write("a\n")
            older.stdin.flush()
            until = time.monotonic() + DEADLINE_S
            while rows(device).get("q", {"accepted": 0})["accepted"] < 1:
                self.assertLess(time.monotonic(), until)
            newer = pawl(*command, stdin="a\n")
            self.assertEqual(newer.returncode, 0, newer.stderr)
            _, said = older.communicate("b\n", timeout=DEADLINE_S)
            self.assertEqual(older.returncode, 1)
            self.assertIn("end one of the two", said)
            self.assertIn("confirmed 1 of 2", said.splitlines()[-1])
            self.assertEqual(rows(device)["q"]["producers"], 0)

    def test_a_full_queue_is_told_and_waited_for(self):
        for overflow in ("hold_back", "refuse"):
            config = QUICK + f'[queue.q]\nmax_messages = 2\noverflow = "{overflow}"\n'
            with self.subTest(overflow), Device(memory=True, config=config) as device:
                send = start_pawl("send", "--to", device.endpoint, "--queue", "q")
                send.stdin.write("a\nb\nc\nd\ne\n")
                send.stdin.close()
                self.assertIn("the queue is full: waiting", send.stderr.readline())
                got = pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 5)
                self.assertEqual(got.stdout, "a\nb\nc\nd\ne\n")
                said = send.stderr.read().splitlines()
                self.assertEqual(said[0], "pawl send: going on")
                self.assertIn("confirmed 5 of 5", said[-1])
                self.assertEqual(send.wait(DEADLINE_S), 0)
                send.stdout.close()
                send.stderr.close()

    def test_G1_on_full_fail_ends_with_the_first_message_to_go_on_with(self):
        for overflow in ("hold_back", "refuse"):
            config = QUICK + f'[queue.q]\nmax_messages = 2\noverflow = "{overflow}"\n'
            with self.subTest(overflow), Device(memory=True, config=config) as device:
                command = ["send", "--to", device.endpoint, "--queue", "q", "--producer", "me",
                           "--on-full", "fail"]
                full = pawl(*command, stdin="a\nb\nc\nd\n")
                self.assertEqual(full.returncode, 1)
                self.assertIn("the queue is full: giving up", full.stderr)
                self.assertIn("message 3 is the first that was not confirmed", full.stderr)
                self.assertIn("confirmed 2 of 4", last_lines(full)[0])
                got = pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 2)
                self.assertEqual(got.stdout, "a\nb\n")
                rest = pawl(*command, stdin="a\nb\nc\nd\n")
                self.assertEqual(rest.returncode, 0, rest.stderr)
                self.assertEqual(last_lines(rest, 2)[0], "2 were already kept")
                got = pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 2)
                self.assertEqual(got.stdout, "c\nd\n")

    def test_a_device_without_space_is_told_as_such(self):
        with Device(memory=True, config='[hub]\nmemory_bytes_max = "1MiB"\n') as device:
            result = pawl("send", "--to", device.endpoint, "--queue", "q", "--on-full", "fail",
                          stdin=("x" * 5000 + "\n") * 3000)  # a window is 4 MiB at most
            self.assertEqual(result.returncode, 1)
            self.assertIn("the device has no space left: giving up", result.stderr)
            confirmed = int(re.match(r"confirmed (\d+) of", last_lines(result)[0]).group(1))
            self.assertIn(f"message {confirmed + 1} is the first that was not confirmed",
                          result.stderr)

    def test_a_refusal_names_the_first_message_that_it_was_about(self):
        with Device(memory=True, config="[queue.q]\nmessage_bytes_max = 3\n") as device:
            result = pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\nlong\nb\n")
            self.assertEqual(result.returncode, 1)
            self.assertIn("1 refused, first message 2: TOO_LARGE: ", result.stderr)
            self.assertIn("confirmed 2 of 3", last_lines(result)[0])

    def test_ctrl_c_says_what_was_confirmed(self):
        with Device(memory=True) as device:
            send = start_pawl("send", "--to", device.endpoint, "--queue", "q")
            send.stdin.write("a\nb\n")
            send.stdin.flush()
            got = pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 2)
            self.assertEqual(got.stdout, "a\nb\n")
            send.send_signal(signal.SIGINT)
            # Only then is its input closed: an end of input that came first would be another end.
            send.wait(timeout=DEADLINE_S)
            _, said = send.communicate(timeout=DEADLINE_S)
            self.assertIn("confirmed 2 of 2", said.splitlines()[-1])
            self.assertEqual(send.returncode, 128 + signal.SIGINT)

    def test_closed_descriptors_are_not_taken_by_our_own(self):
        with Device(memory=True) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\n")
            closed = subprocess.run(
                f"{PAWL} send --to {device.endpoint} --queue q <&-; "
                f"{PAWL} work --from {device.endpoint} --queue q --count 1 >&-; echo $?",
                shell=True, capture_output=True, text=True, timeout=DEADLINE_S)
            self.assertIn("confirmed 0 of 0", closed.stderr)
            self.assertEqual(closed.stdout, "1\n", closed.stderr)
            self.assertEqual(rows(device)["q"]["acked"], 0)

    def test_headers_that_no_worker_can_read_are_refused(self):
        with Device(memory=True) as device:
            for headers in ([b"N=\xff\xfe"], [b"A=1", b"A=2"], [b"K%d=v" % i for i in range(65)]):
                arguments = [part for header in headers for part in (b"--header", header)]
                result = subprocess.run([PAWL, "send", "--to", device.endpoint, "--queue", "q",
                                         *arguments], input=b"a\n", capture_output=True,
                                        timeout=DEADLINE_S)
                self.assertEqual(result.returncode, 2, result.stderr)

    def test_mistakes_are_refused_before_anything_is_sent(self):
        name = "is no name: 1 to 128 characters of A-Z a-z 0-9 . _ -"
        for arguments, remedy in (
                (["--queue", "a b"], f'--queue: "a b" {name}'), (["--queue", ""], f'"" {name}'),
                (["--queue", "q" * 129], name), (["--queue", "q", "--producer", ""], f'"" {name}'),
                (["--queue", "q", "--header", "novalue"], "expected NAME=VALUE"),
                (["--queue", "q", "--header", ""], "expected NAME=VALUE"),
                (["--queue", "q", "--wait", "5"],
                 '--wait: "5" is no span: expected a span like "50ms", "10s", "5m" or "2h"'),
                (["--queue", "q", "--wait", ""], '"" is no span'),
                (["--queue", "q", "--on-full", "drop"],
                 '--on-full: "drop" is not allowed: wait or fail'), ([], "--queue is required"),
                (["--queue", "q", "--file", "/no/f"], "/no/f: No such file"),
                (["--queue", "q", "--file", "/usr"], "/usr: Is a directory"),
                (["--queue", "q", "--to", "banana"], "expected tcp://HOST:PORT"),
                (["--queue", "q", "--file", ""], "is empty: give a value, or leave the option out"),
                (["--queue", "q", "--to", ""], "is empty: give a value, or leave the option out")):
            with self.subTest(arguments=arguments):
                result = pawl("send", *arguments, stdin="a\n")
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(remedy, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
