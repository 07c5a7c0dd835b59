# SPDX-License-Identifier: Apache-2.0
"""Real processes for tests: a device on a port of its own, and pawl's commands."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time

PROGRAMS = os.environ.get("PAWL_PROGRAMS", "build/release/bin")
PAWL = os.path.join(PROGRAMS, "pawl")
PAWL_QUEUE = os.path.join(PROGRAMS, "pawl-queue")
DEADLINE_S = 30
# Short spans, so that what fails comes round soon.
# Under a sanitizer a process may be kept from its beats for longer than a second.
QUICK = f"""
[hub]
lease = "{4 if os.environ.get("PAWL_SANITIZED") else 1}s"
beat = "100ms"
margin = "50ms"
[defaults]
max_attempts = 2
backoff = {{ initial = "50ms", factor = 1.0, max = "50ms", jitter = 0.0 }}
"""


class Device:
    """pawl-queue in a folder of its own. start() may be called again after kill() or stop(): it
    comes back on the same port with the same data."""

    def __init__(self, *arguments, config=None, memory=False):
        self.folder = tempfile.TemporaryDirectory(prefix="pawl-e2e-")
        self.arguments = list(arguments)
        self.arguments += ["--memory"] if memory else ["--data", self.path("data")]
        if config is not None:
            with open(self.path("pawl.toml"), "w", encoding="utf-8") as file:
                file.write(config)
            self.arguments += ["--config", self.path("pawl.toml")]
        self.endpoint = "tcp://127.0.0.1:*"
        self.process = None

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self):
        self.process = subprocess.Popen(
            [PAWL_QUEUE, "--bind", self.endpoint, *self.arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            ready = re.search(r"ready: .* at (tcp://\S+?),", line)
            if ready:
                self.endpoint = ready.group(1)
                return self
        raise AssertionError("the device did not start:\n" + "".join(said))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self):
        """(exit code, seconds it took, what it said)"""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, time.monotonic() - begun, said

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self.folder.cleanup()


def pawl(*arguments, stdin="", timeout=DEADLINE_S, env=None):
    """Runs a pawl command to its end."""
    text = isinstance(stdin, str)
    return subprocess.run([PAWL, *map(str, arguments)], input=stdin, capture_output=True,
                          text=text, timeout=timeout, check=False,
                          env={**os.environ, **(env or {})})


def start_pawl(*arguments):
    return subprocess.Popen([PAWL, *map(str, arguments)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def last_lines(result, count=1):
    return result.stderr.splitlines()[-count:]


def rows(device):
    stat = pawl("stat", "--at", device.endpoint, "--json")
    return {row["name"]: row for row in json.loads(stat.stdout)["queues"]}
