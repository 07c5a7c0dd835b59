#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job on real input: every C and C++ header under /usr/include goes through a queue, three
workers take its SHA-256, one of them and then the device itself is killed with SIGKILL in the
middle, a few poison messages end among the dead letters, and the account is checked.

main_job.py --programs build/release/bin [--messages 6000] [--folder DIR]
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time

from account import Account
from children import ChildDied, Children
from progress import Progress

POISON = 5
WORKERS = 3
QUEUE = "headers"
CONFIG = """\
# Short spans, so that what a kill holds up goes on soon.
[hub]
lease = "2s"
beat = "200ms"
margin = "100ms"
[queue.headers]
max_attempts = 3
backoff = { initial = "200ms", factor = 2.0, max = "1s", jitter = 0.1 }
dead_letter = "headers.dead"
"""
# Each run appends one line to its worker's own file: the id, the attempt, the digest and the path.
HASH = """IFS= read -r path || [ -n "$path" ] || exit 65
sum=$(sha256sum -- "$path") || exit 1
printf '%s %s %s\\n' "$PAWL_ID" "$PAWL_ATTEMPT" "$sum" >> {results}"""
BURY = """printf '%s\\t%s\\n' "$(cat)" "$(printf %s "$PAWL_REASON" | tr '\\n\\t' '  ')" >> {dead}"""


def headers(most):
    """The first `most` header files under /usr/include, in sorted order."""
    found = []
    for folder, _, names in os.walk("/usr/include"):
        found += [os.path.join(folder, name) for name in names
                  if name.endswith((".h", ".hh", ".hpp", ".hxx"))]
    found = [path for path in found if os.path.isfile(path) and "\n" not in path]
    return sorted(found)[:most]


class MainJob:
    def __init__(self, programs, folder, good):
        self.folder = folder
        self.pawl = os.path.join(programs, "pawl")
        self.pawl_queue = os.path.join(programs, "pawl-queue")
        self.children = Children(folder)
        self.endpoint = "tcp://127.0.0.1:*"
        self.poison = [f"/usr/include/pawl-poison-{number}.h" for number in range(1, POISON + 1)]
        self.account = Account(folder, good, self.poison)
        self.workers_started = 0
        with open(self.path("pawl.toml"), "w", encoding="utf-8") as file:
            file.write(CONFIG)
        self.write_input(good)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write_input(self, good):
        """Poison lies between the good ones, evenly."""
        lines = list(good)
        for number, path in enumerate(self.poison):
            lines.insert((number * 2 + 1) * len(good) // (2 * POISON), path)
        with open(self.path("input"), "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))

    def start_device(self):
        self.children.start("device", self.pawl_queue, "--bind", self.endpoint,
                            "--data", self.path("data"), "--config", self.path("pawl.toml"))
        self.endpoint = self.children.wait_for_text("device", r"ready: .* at (tcp://\S+?),")

    def start_worker(self, name):
        self.workers_started += 1
        results = self.path(f"results.{self.workers_started}")
        self.children.start(name, self.pawl, "work", "--from", self.endpoint, "--queue", QUEUE,
                            "--exec", HASH.format(results=results))

    def start_all(self):
        self.start_device()
        for number in range(1, WORKERS + 1):
            self.start_worker(f"worker {number}")
        self.children.start("undertaker", self.pawl, "work", "--from", self.endpoint,
                            "--queue", QUEUE + ".dead", "--exec",
                            BURY.format(dead=self.path("dead")))
        self.children.start("producer", self.pawl, "send", "--to", self.endpoint, "--queue", QUEUE,
                            "--file", self.path("input"), "--producer", "main-job", "--durable")

    def kill_worker(self):
        self.children.kill("worker 2")
        self.start_worker("worker 2")

    def kill_device(self):
        self.children.kill("device")
        self.start_device()

    def run(self, progress, deadline_s):
        """Until every message is accounted for, with two murders on the way."""
        total = len(self.account.good)
        events = [(total // 3, "worker 2 killed (SIGKILL) and started again", self.kill_worker),
                  (total // 2, "the device killed (SIGKILL) and started again", self.kill_device)]
        until = time.monotonic() + deadline_s
        self.start_all()
        while not self.account.settled():
            if time.monotonic() > until:
                progress.note(f"not finished after {deadline_s} s")
                return False
            self.children.watch(0.1)
            self.account.read()
            if events and len(self.account.processed) >= events[0][0]:
                _, words, act = events.pop(0)
                progress.note(words)
                act()
            progress.draw(self.account)
        return True

    def stop(self):
        """Everybody ends as asked, the device last: True if each exit code is 0."""
        codes = {"producer": self.children.finish("producer")}
        for name in sorted(self.children.running, key=lambda name: name == "device"):
            codes[name] = self.children.stop(name)
        for name, code in codes.items():
            if code != 0:
                print(f"  WRONG: {name} ended with {code}; see {self.children.logs[name]}")
        return not any(codes.values())

    def confirmed(self):
        """(N, M) of the producer's last line: confirmed N of M."""
        found = re.findall(r"^confirmed (\d+) of (\d+) in", self.children.log_text("producer"),
                           re.MULTILINE)
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--programs", default="build/release/bin")
    options.add_argument("--messages", type=int, default=6000)
    options.add_argument("--folder", help="keeps everything there; a temporary one if not given")
    options.add_argument("--deadline", type=float, default=120, help="seconds")
    options = options.parse_args()

    folder = options.folder or tempfile.mkdtemp(prefix="pawl-main-job-")
    os.makedirs(folder, exist_ok=True)
    begun = time.monotonic()
    job = MainJob(os.path.abspath(options.programs), folder, headers(options.messages))
    progress = Progress(len(job.account.good))
    good = False
    try:
        good = job.run(progress, options.deadline)
        progress.done()
        good = job.stop() and good
        job.account.read()
        print(f"main job: {len(job.account.good):,} headers and {POISON} poison messages")
        good = job.account.close(job.confirmed(), sys.stdout) and good
        print(f"{'every message is accounted for' if good else 'THE ACCOUNT DOES NOT BALANCE'}"
              f", {time.monotonic() - begun:.1f} s")
    except (ChildDied, TimeoutError) as error:
        progress.done()
        print(f"main job: {error}", file=sys.stderr)
    finally:
        job.children.kill_all()
        if good and not options.folder:
            shutil.rmtree(folder)
        else:
            print(f"files: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("main job: interrupted; every process has been ended", file=sys.stderr)
        sys.exit(130)
