# SPDX-License-Identifier: Apache-2.0
"""The ground that a torture stands on: namespaces of its own for processes, mounts and networks.
Nothing in them outlives it, however it ends: the kernel takes them away with the first process.

    this process, the device          127.0.0.1, 10.77.0.1
      │ veth "east"  10.77.1.0/24     peers of the east side
      └ veth "west"  10.77.2.0/24     peers of the west side"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import harness

INSIDE = "PAWL_TORTURE_INSIDE"
NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
PR_SET_PDEATHSIG = 1


def enter():
    """Runs this program again inside and ends with it, if the machine allows that, as root or as
    root of a user namespace. Returns why not otherwise, or, inside, nothing."""
    if INSIDE in os.environ:
        return os.environ[INSIDE]
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    reasons = []
    for who in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *who, *NAMESPACES]
        probe = "ip link add pawl-probe type veth peer name pawl-other && mount -t tmpfs p /mnt"
        try:
            tried = subprocess.run([*command, "sh", "-c", probe], capture_output=True, text=True,
                                   check=False)
        except FileNotFoundError as missing:
            return f"{missing.filename} is not installed"
        if tried.returncode == 0:
            sys.exit(run_inside(command))
        reasons.append(tried.stderr.strip().splitlines()[-1] if tried.stderr else "unshare failed")
    return f"no namespaces are allowed here ({reasons[0]})"


def run_inside(command):
    """Whatever ends this process ends all that is inside. An interrupt from a terminal reaches
    those inside by itself."""
    inside = subprocess.Popen([*command, sys.executable, *sys.argv], env={**os.environ, INSIDE: ""},
                              preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG,
                                                                         signal.SIGKILL))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: inside.kill())
    return inside.wait()


def make_folder():
    """For logs and data. It is left behind by a run that was killed, and taken away by the next: as
    long as its process lives its lock is held."""
    for lock in pathlib.Path(tempfile.gettempdir()).glob("pawl-torture-*/lock"):
        with contextlib.suppress(OSError), open(lock, encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-torture-"))
    held = os.open(folder / "lock", os.O_CREAT | os.O_WRONLY, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    return folder


def keep_folder(folder):
    (folder / "lock").unlink()


def run(*command):
    # In a session of its own: a terminal's interrupt is for this process alone.
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True, start_new_session=True).stdout


class Side:
    """A network namespace with one cable to the device's."""

    DEVICE = "10.77.0.1"

    def __init__(self, name, number):
        self.name = name
        self.here, self.there = f"10.77.{number}.1", f"10.77.{number}.2"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"],
                                       start_new_session=True)
        mine = os.readlink("/proc/self/ns/net")
        link = pathlib.Path(f"/proc/{self.holder.pid}/ns/net")
        harness.wait_until(lambda: os.readlink(link) != mine, "a network namespace", 10)
        self.prefix = ["nsenter", f"--net={link}"]
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "cable", "netns",
            self.holder.pid)
        run("ip", "addr", "add", f"{self.here}/24", "dev", name)
        run("ip", "link", "set", name, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{self.there}/24", "dev", "cable")
        self.run("ip", "link", "set", "cable", "up")
        self.run("ip", "route", "add", "default", "via", self.here)

    def run(self, *command):
        return run(*self.prefix, *command)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Loopback:
    """All there is where no namespaces are allowed."""

    DEVICE = "127.0.0.1"
    name = "loopback"
    prefix = []

    def close(self):
        """Nothing is held."""


def sides(missing):
    if missing:
        return [Loopback()]
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", f"{Side.DEVICE}/32", "dev", "lo")
    return [Side("east", 1), Side("west", 2)]
