# SPDX-License-Identifier: Apache-2.0
"""Faults of the device's disk: a small tmpfs, which somebody else fills."""

import contextlib
import os

import ground
from faults import Fault, longer_than_a_lease

SIZE = 512 << 20
RESERVE_LEAVES = 20 << 20  # less than a store's reserve: nothing new is taken, workers go on


def make(path, missing):
    path.mkdir(exist_ok=True)
    if not missing:
        ground.run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "pawl-torture", path)


def unmake(path):
    if os.path.ismount(path):
        ground.run("umount", path)


def free(path):
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def fill(path, leave):
    ballast = path / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while (room := free(path) - leave) > 0:
            file.write(bytes(min(1 << 20, room)))
    return ballast


def filled(leave):
    def act(torture, luck):
        torture.disk_was_full = True
        ballast = fill(torture.device.data, leave)
        try:
            yield longer_than_a_lease(torture, luck), f"{leave >> 20} MiB left"
        finally:
            ballast.unlink()
    return act


def why_not(torture):
    return torture.missing and f"{torture.missing}, and a disk cannot be mounted without"


DISK = [
    Fault("disk at its reserve", "disk", filled(RESERVE_LEAVES), why_not),
    Fault("disk full to the last byte", "disk", filled(0), why_not),
]
