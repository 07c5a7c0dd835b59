# SPDX-License-Identifier: Apache-2.0
"""A process of a bench: says `NAME value` on a line when something has happened."""

import selectors
import subprocess
import time

DEADLINE_S = 180


class Process:
    """Killed at the end of its `with`, whatever happened."""

    def __init__(self, *command):
        self.name = " ".join(str(part) for part in command)
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
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
        self.process.stdout.close()

    def wait_for(self, name):
        """What stands behind `name` on its next line; the whole line for `tcp:`."""
        until = time.monotonic() + DEADLINE_S
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
                    raise TimeoutError(f"{self.name}: no {name} in {DEADLINE_S} s")
            more = self.process.stdout.read1(65536)
            if not more:
                raise RuntimeError(f"{self.name}: ended without {name}")
            self.text += more

    def finish(self):
        code = self.process.wait(DEADLINE_S)
        if code != 0:
            raise RuntimeError(f"{self.name}: exit {code}")
