# SPDX-License-Identifier: Apache-2.0
"""Jumps of the device's wall clock, by libfaketime: this machine's own clock is never touched. The
monotonic clock goes on as it is, as it does when an administrator or NTP sets the time."""

import glob
import os
import subprocess
import time

import harness
from faults import Fault

JUMPS = ("-2d", "-1h", "-10", "+30", "+1h", "+1d")


class Clock:
    def __init__(self, folder):
        self.file = folder / "clock"
        self.set("+0")
        self.why_not = self.environment = None
        library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
        if harness.SANITIZED:
            self.why_not = "libfaketime and a sanitizer cannot both come first"
        elif library is None:
            self.why_not = "libfaketime is not installed"
        else:
            self.environment = [f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={self.file}",
                                "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
            self.why_not = self.try_it()

    def set(self, offset):
        temporary = self.file.with_suffix(".new")
        temporary.write_text(f"{offset}\n", encoding="ascii")
        os.replace(temporary, self.file)

    def try_it(self):
        self.set("+1d")
        said = subprocess.run(["env", *self.environment, "date", "+%s"], capture_output=True,
                              text=True, check=False).stdout.strip()
        self.set("+0")
        works = said.isdigit() and int(said) > time.time() + 80_000
        return None if works else f"libfaketime does not work here: date said {said!r}"

    @property
    def prefix(self):
        return [] if self.why_not else ["env", *self.environment]


def jumps(torture, luck):
    offset = luck.choice(JUMPS)
    torture.log("clock_jumped")
    torture.clock.set(offset)
    try:
        # A device that is started while the clock is wrong takes it for right.
        if luck.random() < 0.5:
            torture.kill_device()
            torture.want_device()
        yield torture.LEASE_S * 0.5, offset
    finally:
        torture.clock.set("+0")


CLOCK = [Fault("wall clock jumps", "device", jumps, lambda torture: torture.clock.why_not)]
