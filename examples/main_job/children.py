# SPDX-License-Identifier: Apache-2.0
"""Processes by name: started, watched, killed, stopped. Each start writes to a log of its own."""

import os
import re
import select
import signal
import subprocess
import time

DEADLINE_S = 20


class ChildDied(Exception):
    pass


class Children:
    def __init__(self, folder):
        self.folder = folder
        self.running = {}
        self.codes = {}  # of those that ended by themselves
        self.logs = {}
        self.starts = 0

    def start(self, name, *command):
        self.starts += 1
        self.logs[name] = os.path.join(self.folder, f"{self.starts}-{name.replace(' ', '-')}.log")
        with open(self.logs[name], "wb") as log:
            self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                                  stdout=subprocess.DEVNULL, stderr=log)

    def watch(self, seconds, may_end="producer"):
        """Waits so long, or until a process ends; only `may_end` may, and only well."""
        owners = {os.pidfd_open(process.pid): name for name, process in self.running.items()}
        poll = select.poll()
        for pidfd in owners:
            poll.register(pidfd, select.POLLIN)
        ended = [owners[pidfd] for pidfd, _ in poll.poll(seconds * 1000)]
        for pidfd in owners:
            os.close(pidfd)
        for name in ended:
            self.codes[name] = self.running.pop(name).wait()
            if name != may_end or self.codes[name] != 0:
                raise ChildDied(f"{name} ended with {self.codes[name]}; see {self.logs[name]}")

    def log_text(self, name):
        with open(self.logs[name], encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_text(self, name, pattern):
        """The first group of `pattern` in what the process says."""
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            found = re.search(pattern, self.log_text(name))
            if found:
                return found.group(1)
            self.watch(0.02)
        raise TimeoutError(f"{name} was not ready in {DEADLINE_S} s; see {self.logs[name]}")

    def kill(self, name):
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def finish(self, name):
        """The exit code of one that ends by itself."""
        if name in self.running:
            self.codes[name] = self.running.pop(name).wait(DEADLINE_S)
        return self.codes[name]

    def stop(self, name):
        """The exit code after SIGTERM."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(DEADLINE_S)

    def kill_all(self):
        for name in list(self.running):
            self.kill(name)
