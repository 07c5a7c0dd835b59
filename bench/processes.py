# SPDX-License-Identifier: Apache-2.0
"""The processes of a bench: each says `NAME value` on a line when something has happened; what they
use is read from /proc."""

import contextlib
import os
import selectors
import subprocess
import tempfile
import time

DEADLINE_S = 180


class Process:
    """Killed at the end of its `with`, whatever happened."""

    def __init__(self, *command, deadline_s=DEADLINE_S):
        self.name = " ".join(str(part) for part in command)
        self.deadline_s = deadline_s
        self.begun = time.monotonic()
        # A peer that stays until it is told otherwise watches its stdin: it goes when we do.
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def wait_for(self, name):
        """What stands behind `name` on its next line; the whole line for `tcp:`."""
        until = time.monotonic() + self.deadline_s
        while True:
            line, found, rest = self.text.partition(b"\n")
            if found:
                self.text = rest
                words = line.decode()
                if words.startswith(name):
                    return words if name.endswith(":") else words.split(" ", 1)[1]
                continue
            with selectors.DefaultSelector() as selector:
                selector.register(self.process.stdout, selectors.EVENT_READ)
                if not selector.select(max(0, until - time.monotonic())):
                    raise TimeoutError(f"{self.name}: no {name} in {self.deadline_s} s")
            more = self.process.stdout.read1(65536)
            if not more:
                raise RuntimeError(f"{self.name}: ended without {name}")
            self.text += more

    def tell(self, line):
        """On its stdin."""
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def finish(self):
        code = self.process.wait(self.deadline_s)
        if code != 0:
            raise RuntimeError(f"{self.name}: exit {code}")

    def stop(self):
        """As asked: it may still write what it has to say."""
        self.process.terminate()
        self.finish()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def lives_for(self, seconds):
        """Watches it for so long; it must not end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(seconds)
            raise RuntimeError(f"{self.name}: exit {code}")

    def watch_until(self, condition, what):
        """Seconds until `condition` holds, looked at every 50 ms while the process lives."""
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > self.deadline_s:
                raise TimeoutError(f"{self.name}: {self.deadline_s} s without {what}")
            self.lives_for(0.05)
        return time.monotonic() - begun

    def proc(self, file):
        with open(f"/proc/{self.process.pid}/{file}", encoding="ascii") as text:
            return text.read()

    def number(self, file, field):
        for line in self.proc(file).splitlines():
            if line.startswith(field):
                return int(line.split()[1])
        raise KeyError(f"{field} in /proc/PID/{file}")

    def resident_mb(self):
        return self.number("status", "VmRSS:") * 1024 / 1e6

    def resident_peak_mb(self):
        """Since the start or the last forget_peak."""
        return self.number("status", "VmHWM:") * 1024 / 1e6

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def cpu_s(self):
        """Of all its threads that live, to the nanosecond."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                total += int(self.proc(f"task/{task}/schedstat").split()[0])
        return total * 1e-9

    def written_bytes(self):
        return self.number("io", "write_bytes:")


class Device(Process):
    """A pawl-queue on a port of its own, in memory unless `data` is a folder; run by `under`."""

    def __init__(self, build, data=None, config=None, under=(), **options):
        command = [*under, os.path.join(build, "bin/pawl-queue"), "--bind", "tcp://127.0.0.1:*",
                   "--log-level", "warn"]
        command += ["--data", data] if data else ["--memory"]
        if config:
            with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
                file.write(config)
            self.config = file.name
            command += ["--config", file.name]
        else:
            self.config = None
        super().__init__(*command, **options)
        self.endpoint = self.wait_for("tcp:")
        self.ready_s = time.monotonic() - self.begun

    def __exit__(self, *problem):
        super().__exit__(*problem)
        if self.config:
            os.unlink(self.config)


def disk_bytes(folder):
    """What a folder's files take, holes and preallocation as they are."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # deleted while we look
                total += os.stat(os.path.join(base, name)).st_blocks * 512
    return total
