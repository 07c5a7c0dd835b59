# SPDX-License-Identifier: Apache-2.0
"""The device under torture: comes back whenever it is down and wanted, and is watched all the time
(G6)."""

import os
import re
import signal
import threading
import time

import connections
import disk
import harness

# What its end by itself, or a start that fails, may say while its disk is full.
DISK_SAYS = re.compile(r"could not be synced|No space left|disk is full|cannot (open|start)", re.I)
RSS_MAX = (1500 if harness.SANITIZED else 128) << 20


class Device(harness.Device):
    def __init__(self, torture, config):
        super().__init__(torture, "device", config, False, ())
        self.endpoint = f"tcp://{torture.address}:{self.port}"
        self.command[self.command.index("--bind") + 1] = self.endpoint
        most = connections.FILES_MAX
        self.command[:0] = ["prlimit", f"--nofile={most}:{most}", *torture.clock.prefix]
        self.torture, self.wanted, self.restarts, self.reopened = torture, True, -1, 0
        self.seen = 0  # lines of its stderr
        disk.make(self.data, torture.missing)

    def supervise(self):
        if self.process is not None:
            self.read_errors()
            if self.process.poll() is None:
                return
            self.bury()
        if not self.wanted:
            return
        self.restarts += 1
        try:
            self.start()
        except AssertionError:
            self.process.kill()
            self.judge_end("did not start")
            return
        self.process.name, self.seen = "device", 0

    def bury(self):
        code = self.process.wait()
        self.read_errors()
        self.torture.log("hub_lost")
        if code == -signal.SIGKILL:
            self.process = None
        else:
            self.judge_end(f"ended with {code}")

    def judge_end(self, what):
        said, self.process = self.process.errors, None
        if not (self.torture.disk_was_full and DISK_SAYS.search(" ".join(said))):
            self.torture.complain(f"the device {what}: {said[-5:]}")

    def read_errors(self):
        """A machine that was dropped and rebuilt has forgotten what a new process has forgotten."""
        lines = self.process.errors[self.seen:]
        self.seen += len(lines)
        for _ in filter(re.compile("reopened").search, lines):
            self.reopened += 1
            self.torture.log("hub_lost")

    def pid(self):
        process = self.process
        return process.pid if process is not None and process.poll() is None else None


class Watch:
    """Looks at a device's memory and descriptors ten times a second."""

    def __init__(self, torture):
        self.torture = torture
        self.rss, self.files, self.files_at_rest = 0, 0, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.wait(0.1):
            self.rss = max(self.rss, self.resident())
            self.files = max(self.files, self.open_files())

    def resident(self):
        with_pages = self.of_proc(lambda pid: int(
            open(f"/proc/{pid}/statm", encoding="ascii").read().split()[1]))
        return with_pages * os.sysconf("SC_PAGE_SIZE")

    def open_files(self):
        return self.of_proc(lambda pid: len(os.listdir(f"/proc/{pid}/fd")))

    def of_proc(self, look):
        pid = self.torture.device.pid()
        try:
            return look(pid) if pid else 0
        except (FileNotFoundError, ProcessLookupError):
            return 0  # it has ended between the two

    def close(self):
        self.ending.set()
        self.thread.join()
        if self.rss > RSS_MAX:
            self.torture.complain(f"G6 the device had {self.rss >> 20} MiB resident, "
                                  f"{RSS_MAX >> 20} are its bound here")
