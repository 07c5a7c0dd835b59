#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Python peers of examples/python against a real device, kills included. $PAWL_PROGRAMS says
where the device is."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import msgpack
import zmq

PROGRAMS = pathlib.Path(os.environ["PAWL_PROGRAMS"])
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "python"
DEADLINE_S = 60
CONFIG = """[hub]
lease = "1s"
beat = "200ms"
margin = "100ms"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Device:
    """pawl-queue on one data directory and one port, to be killed and started again."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        (self.folder / "pawl.toml").write_text(CONFIG)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAMS / "pawl-queue", "--config", self.folder / "pawl.toml", "--data",
             self.folder / "data", "--bind", self.endpoint], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if " ready" in line:
                return
        raise AssertionError("pawl-queue ended before it was ready")

    def accepted(self):
        """What all queues have taken, by the device's own count (protocol.md, Statistics)."""
        with zmq.Context.instance().socket(zmq.DEALER) as asker:
            asker.linger = 0
            asker.connect(self.endpoint)
            asker.send(msgpack.packb([1, 1, {0: [1], 1: "test"}]))
            asker.send(msgpack.packb([1, 14, {0: 7, 1: "stat"}]))
            while asker.poll(1000 * DEADLINE_S):
                header, *frames = asker.recv_multipart()
                if msgpack.unpackb(header, strict_map_key=False)[1] == 15:
                    asker.send(msgpack.packb([1, 18, {}]))
                    return sum(queue["accepted"] for queue in msgpack.unpackb(frames[0])["queues"])
        raise AssertionError("pawl-queue does not answer")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=DEADLINE_S)


class PythonPeers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.device = Device(folder.name)
        self.processes = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.processes + [self.device.process]:
            if process and process.poll() is None:
                process.kill()
            if process:
                process.wait()
                for pipe in (process.stdin, process.stdout, process.stderr):
                    if pipe and not pipe.closed:
                        pipe.close()

    def peer(self, program, *arguments, queue="orders"):
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / program, self.device.endpoint, queue, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def send(self, lines, **options):
        producer = self.peer("producer.py", **options)
        _, error = producer.communicate(b"".join(line + b"\n" for line in lines), DEADLINE_S)
        return producer.returncode, error.decode()

    def work(self, count):
        worker = self.peer("worker.py", "--count", str(count))
        output, error = worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(worker.returncode, 0, error.decode())
        return output.splitlines()

    def test_lines_arrive_in_order_and_once(self):
        self.device.start()
        lines = [b"line %d" % i for i in range(3000)] + [b"", b"x" * 200_000, b"\xff\x00"]
        self.assertEqual(self.send(lines), (0, ""))
        self.assertEqual(self.work(len(lines)), lines)
        self.device.stop()

    def test_without_input_nothing_is_sent(self):
        self.device.start()
        self.assertEqual(self.send([]), (0, ""))
        self.assertEqual(self.send([b""]), (0, ""))
        self.assertEqual(self.device.accepted(), 1, "an empty line is a message, no line is none")
        self.device.stop()

    def test_a_call_that_makes_no_sense_is_answered_with_the_usage(self):
        for program, *arguments in (
                ["producer.py"], ["producer.py", "tcp://127.0.0.1:9"],
                ["producer.py", "tcp://127.0.0.1:9", "q", "x"], ["worker.py"], ["worker.py", "e"],
                ["worker.py", "tcp://127.0.0.1:9", "q", "--count"],
                ["worker.py", "tcp://127.0.0.1:9", "q", "--count", "-1"]):
            with self.subTest(program=program, arguments=arguments):
                result = subprocess.run([sys.executable, EXAMPLES / program, *arguments],
                                        input="line\n", capture_output=True, text=True,
                                        timeout=DEADLINE_S, check=False)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(f"usage: {program} ENDPOINT QUEUE", result.stderr)

    def test_g5_a_device_killed_under_the_producer_loses_and_doubles_nothing(self):
        lines = [b"%d " % i + b"x" * 1000 for i in range(12_000)]
        self.device.start()
        producer = self.peer("producer.py")
        producer.stdin.write(b"".join(line + b"\n" for line in lines))
        producer.stdin.close()
        producer.stdin = None
        kills = 0
        while kills < 3 and producer.poll() is None:
            while self.device.accepted() < 2000 * (kills + 1) and producer.poll() is None:
                pass
            self.device.kill()
            kills += producer.poll() is None  # it was not done: some of it was unconfirmed
            self.device.start()
        _, error = producer.communicate(timeout=DEADLINE_S)
        self.assertEqual((producer.returncode, error), (0, b""))
        print(f"{kills} kills met a producer that was not done")
        self.assertGreater(kills, 0)
        self.assertEqual(self.work(len(lines)), lines)
        self.device.stop()

    def test_g1_a_worker_killed_in_the_middle_leaves_its_messages_to_the_next(self):
        self.device.start()
        lines = [b"%d" % i for i in range(500)]
        self.assertEqual(self.send(lines), (0, ""))
        worker = self.peer("worker.py")
        first = [worker.stdout.readline().rstrip(b"\n") for _ in range(100)]
        worker.send_signal(signal.SIGSTOP)  # so that it holds some and acks nothing more
        worker.kill()
        first += worker.stdout.read().splitlines()
        self.assertEqual(first, lines[:len(first)])
        second = self.peer("worker.py")
        seen = set(first)
        again = []
        while len(seen) < len(lines):
            body = second.stdout.readline().rstrip(b"\n")
            again.append(body)
            seen.add(body)
        self.assertEqual(seen, set(lines))
        self.assertEqual(len(again), len(set(again)), "one worker never sees a message twice here")
        second.kill()
        self.device.stop()

    def test_a_device_that_restarts_under_a_worker_goes_on_where_it_was(self):
        self.device.start()
        lines = [b"%d" % i for i in range(300)]
        self.assertEqual(self.send(lines), (0, ""))
        worker = self.peer("worker.py")
        seen = {worker.stdout.readline().rstrip(b"\n") for _ in range(50)}
        self.device.kill()
        self.device.start()
        while len(seen) < len(lines):
            seen.add(worker.stdout.readline().rstrip(b"\n"))
        self.assertEqual(seen, set(lines))
        self.device.stop()

    def test_a_refusal_ends_the_producer_with_its_reason(self):
        self.device.start()
        code, error = self.send([b"x"], queue="no spaces, please")
        self.assertEqual(code, 1)
        self.assertRegex(error, "1 to 128")
        code, error = self.send([b"fine", b"x" * (1024 * 1024 + 1)])
        self.assertEqual(code, 1)
        self.assertEqual(error, "line 2 is over 1 MiB: nothing was sent\n")
        self.assertEqual(self.device.accepted(), 0)
        longest = b"x" * (1024 * 1024)
        self.assertEqual(self.send([longest]), (0, ""))
        self.assertEqual(self.work(1), [longest])
        self.device.stop()


if __name__ == "__main__":
    unittest.main()
