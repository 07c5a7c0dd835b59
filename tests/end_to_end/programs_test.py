#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pawl-queue and pawl stat as their manual says: options, sentences, exit codes, the table."""

import os
import re
import socket
import subprocess
import tempfile
import unittest

from device import DEADLINE_S, PAWL_QUEUE, QUICK, Device, pawl, rows


def queue_program(*arguments, **options):
    return subprocess.run([PAWL_QUEUE, *arguments], capture_output=True, text=True,
                          timeout=DEADLINE_S, check=False, **options)


class DeviceTest(unittest.TestCase):
    def test_stops_within_two_seconds_when_told_to(self):
        with Device() as device:
            code, seconds, _ = device.stop()
            self.assertEqual(code, 0)
            self.assertLess(seconds, 2)

    def test_a_wildcard_address_needs_open_however_it_is_written(self):
        for address in ("0.0.0.0", "*", "0", "0x0", "000.000.000.000", "[::ffff:0.0.0.0]"):
            result = queue_program("--bind", f"tcp://{address}:0", "--memory")
            self.assertEqual(result.returncode, 1, address)
            self.assertIn("--open", result.stderr)

    def test_an_ipc_path_is_not_taken_from_a_device_that_listens_there(self):
        with tempfile.TemporaryDirectory() as folder:
            endpoint = f"ipc://{folder}/socket"
            with subprocess.Popen([PAWL_QUEUE, "--bind", endpoint, "--memory"],
                                  stderr=subprocess.PIPE, text=True) as first:
                self.assertIn("ready: ", first.stderr.readline())
                second = queue_program("--bind", endpoint, "--memory")
                first.terminate()
            self.assertEqual(second.returncode, 1)
            self.assertIn("another process listens there", second.stderr)

    def test_a_second_device_on_one_directory_is_refused(self):
        with Device() as device:
            result = queue_program("--bind", "tcp://127.0.0.1:*", "--data", device.path("data"))
            self.assertEqual(result.returncode, 1)
            self.assertIn("in use", result.stderr)

    def test_a_mistake_in_the_configuration_names_file_and_line(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[hub]\nlaese = '1s'\n")
            file.flush()
            result = queue_program("--config", file.name, "--memory")
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"{file.name}:2: hub.laese: unknown key", result.stderr)

    def test_mistakes_on_the_command_line_are_refused_with_the_remedy(self):
        for arguments, remedy in (
                (["--data", ""], '--data: "" is empty: give a value, or leave the option out'),
                (["--config", ""], '--config: "" is empty'),
                (["--bind", ""], '--bind: "" is empty'),
                (["--data=", "--memory"], '"--memory" is an option: give a value before it'),
                (["--bind", "banana"], '--bind: endpoint "banana": expected tcp://HOST:PORT'),
                (["--bind", "tcp://127.0.0.1:65536"], "with a port of 1 to 65535"),
                (["--config", "/usr"], "/usr: Is a directory"),
                (["--config", "/no/f"], "/no/f: No such file or directory")):
            with self.subTest(arguments=arguments):
                result = queue_program("--log-level", "error", *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(remedy, result.stderr)

    def test_a_name_of_a_machine_is_no_address_to_listen_at(self):
        result = queue_program("--bind", "tcp://localhost:0", "--memory")
        self.assertEqual(result.returncode, 1)
        self.assertIn("give an address like 127.0.0.1", result.stderr)

    def test_an_address_of_ipv6_is_listened_at_and_connected_to(self):
        with subprocess.Popen([PAWL_QUEUE, "--memory", "--bind", "tcp://[::1]:*"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as device:
            endpoint = device.stdout.readline().strip()
            sent = pawl("send", "--to", endpoint, "--queue", "q", stdin="a\n")
            got = pawl("work", "--from", endpoint, "--queue", "q", "--count", 1)
            device.terminate()
            device.communicate(timeout=DEADLINE_S)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertEqual(got.stdout, "a\n")

    def test_words_that_could_not_be_written_are_no_success(self):
        for option in ("--version", "--help"):
            with open("/dev/full", "w") as full:
                result = subprocess.run([PAWL_QUEUE, option], stdout=full, check=False)
            self.assertEqual(result.returncode, 1)

    def test_a_chosen_port_is_printed_and_the_supervisor_told(self):
        with tempfile.TemporaryDirectory() as folder:
            notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            notified.bind(folder + "/notify")
            notified.settimeout(DEADLINE_S)
            device = subprocess.Popen(
                [PAWL_QUEUE, "--memory", "--bind", "tcp://127.0.0.1:*"], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True,
                env={**os.environ, "NOTIFY_SOCKET": folder + "/notify"})
            self.assertEqual(notified.recv(100), b"READY=1")
            self.assertRegex(device.stdout.readline(), r"^tcp://127\.0\.0\.1:\d+$")
            device.terminate()
            self.assertEqual(notified.recv(100), b"STOPPING=1")
            device.communicate(timeout=DEADLINE_S)
            self.assertEqual(device.returncode, 0)
            notified.close()

    def test_a_name_without_room_for_its_dead_letters_needs_some_of_another_name(self):
        longest, named = "n" * 123, "c" * 128
        config = QUICK + f'[queue.{named}]\ndead_letter = "c.dead"\n'
        with Device(memory=True, config=config) as device:
            for queue in (longest, named):
                sent = pawl("send", "--to", device.endpoint, "--queue", queue, stdin="a\n")
                self.assertEqual(sent.returncode, 0, sent.stderr)
                pawl("work", "--from", device.endpoint, "--queue", queue, "--count", 1, "--exec",
                     "exit 65")
            self.assertEqual(rows(device)[longest + ".dead"]["ready"], 1)
            self.assertEqual(rows(device)["c.dead"]["ready"], 1)
            for command in (["send", "--to"], ["work", "--from"]):
                refused = pawl(*command, device.endpoint, "--queue", "n" * 124, stdin="a\n")
                self.assertEqual(refused.returncode, 1)
                self.assertIn("more than 123 characters leaves no room for NAME.dead: configure a "
                              "dead_letter for it, or use a shorter name", refused.stderr)

    def test_strict_refuses_queues_that_are_not_configured(self):
        with Device("--strict", memory=True, config="[queue.known]\n") as device:
            known = pawl("send", "--to", device.endpoint, "--queue", "known", stdin="a\n")
            other = pawl("send", "--to", device.endpoint, "--queue", "other", stdin="a\n")
            self.assertEqual(known.returncode, 0, known.stderr)
            self.assertEqual(other.returncode, 1)
            self.assertIn("NO_QUEUE", other.stderr)
            work = pawl("work", "--from", device.endpoint, "--queue", "other")
            self.assertEqual(work.returncode, 1)
            self.assertEqual(work.stderr.count("NO_QUEUE"), 1, work.stderr)
            dead = pawl("work", "--from", device.endpoint, "--queue", "known.dead", "--idle-exit",
                        "100ms")
            self.assertEqual(dead.returncode, 0, dead.stderr)

    def test_strict_works_off_a_queue_of_an_earlier_configuration_and_adds_nothing(self):
        with Device() as device:
            pawl("send", "--to", device.endpoint, "--queue", "earlier", stdin="a\n")
            device.stop()
            device.arguments.append("--strict")
            device.start()
            more = pawl("send", "--to", device.endpoint, "--queue", "earlier", stdin="b\n")
            self.assertEqual(more.returncode, 1)
            self.assertIn("NO_QUEUE", more.stderr)
            rest = pawl("work", "--from", device.endpoint, "--queue", "earlier", "--idle-exit",
                        "100ms")
            self.assertEqual((rest.returncode, rest.stdout), (0, "a\n"), rest.stderr)


class StatTest(unittest.TestCase):
    def test_json_has_a_number_for_every_counter(self):
        with Device(config=QUICK) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="a\nb\nc\n")
            pawl("work", "--from", device.endpoint, "--queue", "q", "--count", 1)
            row = rows(device)["q"]
            for name in ("ready", "leased", "delayed", "dead", "accepted", "acked", "retried",
                         "expired", "workers", "producers", "bytes", "oldest_ready_age_s"):
                self.assertIsInstance(row[name], (int, float), name)
            self.assertEqual((row["accepted"], row["acked"], row["ready"]), (3, 1, 2))

    def test_the_table_has_thousands_separators(self):
        with Device(memory=True) as device:
            pawl("send", "--to", device.endpoint, "--queue", "q", stdin="x\n" * 12_345)
            table = pawl("stat", "--at", device.endpoint)
            self.assertRegex(table.stdout, r"(?m)^q +12,345 ")
            self.assertEqual(table.returncode, 0)

    def test_a_command_that_is_none_is_answered_with_those_that_are(self):
        for words in (["sned"], [], ["--colour"]):
            with self.subTest(words=words):
                result = pawl(*words)
                self.assertEqual(result.returncode, 2)
                self.assertIn("The commands are send, work and stat.", result.stderr)

    def test_an_absent_device_is_an_error(self):
        result = pawl("stat", "--at", "tcp://127.0.0.1:9")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, re.escape("tcp://127.0.0.1:9"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
