#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a device costs that nobody uses: start, memory, processor time, the size of its program."""

import os
import subprocess
import sys

import report
from processes import Device

# Issue 9, point 4.
RESIDENT_MB = report.at_most(20)
READY_MS = report.at_most(60)
BINARY_MB = report.at_most(2.5)
CPU_MS_PER_MINUTE = report.at_most(20)


def stripped_mb(program, folder):
    stripped = os.path.join(folder, "stripped")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    return os.stat(stripped).st_size / 1e6


def ready_ms(options, data):
    with Device(options.build, data) as device:
        return device.ready_s * 1e3


def idle(out, options, kind, data):
    with Device(options.build, data) as device:
        # What a start leaves behind is done within its first second.
        device.lives_for(1)
        before = device.cpu_s()
        device.lives_for(options.seconds)
        used_ms = (device.cpu_s() - before) * 1e3 * 60 / options.seconds
        out.add(f"{kind}: resident", device.resident_mb(), "MB", RESIDENT_MB)
        out.add(f"{kind}: processor time", used_ms, "ms a minute", CPU_MS_PER_MINUTE)


def run(out, options, folder):
    out.add("pawl-queue, stripped", stripped_mb(os.path.join(options.build, "bin/pawl-queue"),
                                                folder), "MB", BINARY_MB)
    for kind, data in (("in memory", None), ("durable", os.path.join(folder, "data"))):
        starts = [ready_ms(options, data) for _ in range(options.starts)]
        out.add_rounds(f"{kind}: ready", starts, "ms", READY_MS)
        idle(out, options, kind, data)


def main():
    options = report.parser(__doc__)
    options.add_argument("--seconds", type=int, default=60, help="how long to watch (60)")
    options.add_argument("--starts", type=int, default=9)
    options = options.parse_args()
    if options.quick:
        options.seconds, options.starts = 5, 3
    return report.main("idle", run, options)


if __name__ == "__main__":
    sys.exit(main())
