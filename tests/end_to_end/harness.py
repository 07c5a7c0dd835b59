# SPDX-License-Identifier: Apache-2.0
"""Real processes for the end-to-end tests: a device to be killed and started again, peers whose
lines are their record, and waits that end with an event or fail at a deadline."""

import contextlib
import json
import mmap
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import msgpack
import zmq

PROGRAMS = pathlib.Path(os.environ["PAWL_PROGRAMS"])
PEERS = pathlib.Path(os.environ["PAWL_TEST_PEERS"])
DEADLINE_S = 60
SANITIZED = bool(os.environ.get("PAWL_SANITIZED"))
LEASE_S, BEAT_S, MARGIN_S = 1.5, 0.3, 0.2
TIMING = f"""[hub]
lease = "{LEASE_S * 1000:.0f}ms"
beat = "{BEAT_S * 1000:.0f}ms"
margin = "{MARGIN_S * 1000:.0f}ms"
[defaults]
backoff = {{ initial = "20ms", factor = 1.0, max = "20ms", jitter = 0.0 }}
"""


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """The first true value of `condition`, looked at every 20 ms."""
    until = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            what = what() if callable(what) else what
            raise AssertionError(f"{deadline_s} s passed without {what}")
        select.select([], [], [], 0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A child whose lines of stdout and stderr are kept as they come."""

    def __init__(self, command, stdin=subprocess.PIPE, **options):
        self.args = [str(word) for word in command]
        self.process = subprocess.Popen(self.args, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **options)
        self.changed = threading.Condition()
        self.lines, self.errors = [], []
        self.readers = [self.read(self.process.stdout, self.lines),
                        self.read(self.process.stderr, self.errors)]

    def read(self, pipe, into):
        def run():
            for line in pipe:
                with self.changed:
                    into.append(line.decode(errors="replace").rstrip("\n"))
                    self.changed.notify_all()
            pipe.close()
            with self.changed:
                self.changed.notify_all()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    @property
    def pid(self):
        return self.process.pid

    def poll(self):
        return self.process.poll()

    def wait_for(self, pattern, deadline_s=DEADLINE_S, lines=None, count=1, start=0):
        """The match of the `count`th line from `start` on in which `pattern` is found."""
        lines = self.lines if lines is None else lines
        until = time.monotonic() + deadline_s
        with self.changed:
            at, seen = start, 0
            while True:
                for line in lines[at:]:
                    found = re.search(pattern, line)
                    seen += found is not None
                    if found and seen == count:
                        return found
                at = len(lines)
                ended = not any(reader.is_alive() for reader in self.readers)
                if ended or not self.changed.wait(max(0.0, until - time.monotonic())):
                    if at < len(lines):
                        continue
                    raise AssertionError(
                        f"{self.args[0]} {'ended' if ended else f'took {deadline_s} s'} without "
                        f"{count} × {pattern!r}; it said {lines[-5:]} {self.errors[-5:]}")

    def found(self, pattern):
        with self.changed:
            return [match for line in self.lines if (match := re.search(pattern, line))]

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()

    def freeze(self):
        self.signal(signal.SIGSTOP)
        wait_until(lambda: stat_fields(self.pid)[0] == "T", "a stop", 5)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def wait(self, deadline_s=DEADLINE_S):
        if self.process.stdin and not self.process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        code = self.process.wait(deadline_s)
        for reader in self.readers:
            reader.join(deadline_s)
        return code

    def rss(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * mmap.PAGESIZE

    def cpu_s(self):
        user, system = stat_fields(self.pid)[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def stat_fields(pid):
    """Of /proc/PID/stat, from the state on."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return text.rsplit(")", 1)[1].split()


class Board:
    """Counters that a test peer keeps in a file of eight-byte words: what it knows at this moment,
    readable in a microsecond, and still there after it was killed."""

    WORDS = ("sent", "confirmed", "refused", "started", "finished")

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(8 * len(self.WORDS)))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def __getattr__(self, word):
        return struct.unpack_from("<Q", self.map, 8 * self.WORDS.index(word))[0]


class World(unittest.TestCase):
    """A folder, and processes that end with the test."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-e2e-"))
        self.processes = []
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.end_processes)

    def has_failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)

    def end_processes(self):
        failed = self.has_failed()
        for process in self.processes:
            if process.poll() is None:
                process.signal(signal.SIGKILL)
            process.wait()
            if failed:
                print(f"--- {process.args[0]} {process.poll()}", *process.errors[-15:],
                      sep="\n", file=sys.stderr)

    def start(self, *command, **options):
        process = Process(command, **options)
        self.processes.append(process)
        return process

    def device(self, *arguments, config=TIMING, name="device", memory=False):
        return Device(self, name, config, memory, arguments)

    def pawl(self, *arguments, **options):
        return self.start(PROGRAMS / "pawl", *arguments, **options)

    def send(self, device, queue, lines, *arguments):
        """Sends `lines` by `pawl send`, which must confirm them all."""
        path = self.folder / f"lines-{len(self.processes)}"
        path.write_text("".join(f"{line}\n" for line in lines))
        sender = self.pawl("send", "--to", device.endpoint, "--queue", queue, "--file", path,
                           *arguments)
        self.assertEqual(sender.wait(), 0, sender.errors)
        return sender

    def work(self, device, queue, *arguments):
        return self.pawl("work", "--from", device.endpoint, "--queue", queue, *arguments)

    def drain(self, device, queue, idle="1s"):
        """What is in a queue until nothing more comes."""
        worker = self.work(device, queue, "--idle-exit", idle)
        self.assertEqual(worker.wait(), 0, worker.errors)
        return worker.lines

    def peer(self, program, device, queue, *arguments):
        board = Board(self.folder / f"board-{len(self.processes)}")
        peer = self.start(PEERS / program, device.endpoint, queue, "--board", board.path,
                          *arguments)
        peer.board = board
        return peer

    def sender(self, device, queue, *arguments):
        return self.peer("pawl-test-sender", device, queue, *arguments)

    def worker(self, device, queue, *arguments):
        return self.peer("pawl-test-worker", device, queue, *arguments)

    def finish(self, *workers):
        """Closes those that live and reads all that they have said."""
        for worker in workers:
            if worker.poll() is None:
                worker.tell("close 5000")
        for worker in workers:
            self.assertIn(worker.wait(), (0, -signal.SIGKILL), worker.errors)

    def assert_adds_up(self, row):
        """Everything that a queue took is in exactly one place."""
        places = sum(row[key] for key in ("ready", "leased", "delayed", "dead", "acked"))
        self.assertEqual(row["accepted"], places, row)


class Device:
    """pawl-queue with one folder and one port; start() after kill() comes back with the same."""

    def __init__(self, world, name, config, memory, arguments):
        self.world = world
        self.data = world.folder / f"{name}-data"
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        path = world.folder / f"{name}.toml"
        path.write_text(config)
        self.command = [PROGRAMS / "pawl-queue", "--config", path, "--bind", self.endpoint,
                        *(["--memory"] if memory else ["--data", self.data]), *arguments]
        self.process = None

    @property
    def port(self):
        return int(self.endpoint.rsplit(":", 1)[1])

    def start(self):
        begun = time.monotonic()
        self.process = self.world.start(*self.command, stdin=subprocess.DEVNULL)
        self.process.wait_for(" ready: ", lines=self.process.errors)
        self.start_s = time.monotonic() - begun
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        """(exit code, seconds)"""
        begun = time.monotonic()
        self.process.signal(signal.SIGTERM)
        return self.process.wait(), time.monotonic() - begun

    def stat(self):
        """All queues by name, as the device counts them."""
        return {row["name"]: row for row in self.ask()["queues"]}

    def ask(self):
        """The first page of docs/protocol.md, section 11."""
        with zmq.Context.instance().socket(zmq.DEALER) as asker:
            asker.linger = 0
            asker.connect(self.endpoint)
            asker.send(msgpack.packb([1, 1, {0: [1], 1: "test"}]))
            asker.send(msgpack.packb([1, 14, {0: 7, 1: "stat"}]))
            while asker.poll(1000 * DEADLINE_S):
                header, *frames = asker.recv_multipart()
                if msgpack.unpackb(header, strict_map_key=False)[1] == 15:
                    asker.linger = 100
                    asker.send(msgpack.packb([1, 18, {}]))
                    return msgpack.unpackb(frames[0])
        raise AssertionError("the device does not answer")

    def row(self, queue):
        return self.stat().get(queue)

    def wait_row(self, queue, condition, what, deadline_s=DEADLINE_S):
        """The queue's row once it fulfils `condition`."""
        last = []

        def look():
            row = self.row(queue)
            last[:] = [row]
            return row if row is not None and condition(row) else None
        return wait_until(look, lambda: f"{what}; last was {last}", deadline_s)


def report(**counts):
    """What a test counted, for people who read its output."""
    print(json.dumps(counts), flush=True)


def main():
    unittest.main(verbosity=2)
