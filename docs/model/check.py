#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks lease.pml exhaustively, and that it bites: each mutation is found.

    check.py [word ...]      only the checks whose name holds one of the words
    check.py --keep DIR ...  leaves each check's files there; README.md says how to read a trail
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).with_name("lease.pml")
MEMORY_MIB = 3500
SECONDS_MAX = 600

# What takes part. A check is small enough to be exhaustive because each leaves something out that
# another has in.
CONFIRM = "-DONE_WORKER"  # the producer, the hub, one worker
LEASE = "-DSTORED -DONE_TIMED"  # no producer; one worker is never slow
BOTH = "-DSTORED"  # no producer; both workers may be slow
ALL = "-DONE_TIMED"  # everybody
LATE = f"{LEASE} -DLATE_HELLO -DFAULTS=2 -DBEATS=0 -DENDS=0 -DKILLS=0 -DPOWER_CUTS=0"

HOLDS = [  # name, flags
    ("confirm", f"{CONFIRM} -DFAULTS=2 -DBEATS=0"),
    ("confirm, two messages", f"{CONFIRM} -DFAULTS=1 -DMESSAGES=2 -DBEATS=0"),
    ("lease", f"{LEASE} -DFAULTS=2 -DPOWER_CUTS=0"),
    ("lease, two messages", f"{LEASE} -DFAULTS=1 -DMESSAGES=2 -DLOSSES=0 -DENDS=0 -DPOWER_CUTS=0"),
    ("lease, crashes", f"{LEASE} -DFAULTS=2 -DBEATS=0 -DLOSSES=0 -DENDS=0"),
    ("lease, both slow", f"{BOTH} -DFAULTS=0"),
    ("everybody, crashes", f"{ALL} -DFAULTS=1 -DBEATS=0 -DLOSSES=0 -DENDS=0"),
    ("late HELLO", LATE),
    ("settles, confirm", f"{CONFIRM} -DFAULTS=1 -DLIVENESS"),
    ("settles, lease", f"{LEASE} -DFAULTS=1 -DLIVENESS"),
]

MUTATIONS = [  # the flag, what takes part, the promise that it breaks
    ("CONFIRM_BEFORE_COMMIT", f"{CONFIRM} -DFAULTS=1", "G1"),
    ("OPENED_BEFORE_COMMIT", f"{CONFIRM} -DFAULTS=2 -DBEATS=0", "G1"),
    ("NO_SYNC", f"{CONFIRM} -DFAULTS=1", "G1"),
    ("SET_NOT_IN_COMMIT", f"{CONFIRM} -DFAULTS=1", "G5"),
    ("SETTLED_BEFORE_COMMIT", f"{CONFIRM} -DFAULTS=1", "G1"),
    ("DELIVER_BEFORE_COMMIT", f"{LEASE} -DFAULTS=1", "G2"),
    ("MARGIN=0", f"{LEASE} -DFAULTS=0", "G2"),
    ("BELIEF_FROM_ECHO", f"{LEASE} -DFAULTS=0", "G2"),
    ("DEADLINE_NOT_RENEWED", f"{LEASE} -DFAULTS=1", "G2"),
    ("NO_HOLD", f"{LEASE} -DFAULTS=1", "G2"),
    ("SESSIONS_KEPT", f"{LEASE} -DFAULTS=1", "G2"),
    ("BOOT_WRITTEN_AT_ONCE", f"{LEASE} -DFAULTS=2 -DBEATS=0 -DLOSSES=0 -DENDS=0", "G2"),
    ("BYE_WHILE_WORKING", f"{LEASE} -DFAULTS=1", "G2"),
    ("HELLO_NOT_NUMBERED", LATE, "G2"),
    ("REQUEUE_FORGOTTEN", f"{LEASE} -DFAULTS=0 -DLIVENESS", "settles"),
    ("RESUME_KEEPS_ALL", f"{CONFIRM} -DFAULTS=1 -DLIVENESS", "settles"),
    ("NOTHING_SENT_AGAIN", f"{CONFIRM} -DFAULTS=1 -DLIVENESS", "settles"),
]


def promise_of(violation: str) -> str:
    """Which promise an assertion of the model, as pan prints it, is about."""
    if "acceptance cycle" in violation:
        return "settles"
    for words, promise in (("believed", "G2"), ("confirmed", "G1"), ("answered", "G1"),
                           ("ranges", "G1"), ("settled)&a", "G5")):
        if words in violation:
            return promise
    return "the model's own rules"


def run(flags: str, directory: pathlib.Path, optimize: str) -> dict:
    """Spin, gcc, the whole search. The verdict: `holds`, `violates` a promise, or `unfinished`."""
    live = "-DLIVENESS" in flags
    shutil.copy(MODEL, directory)
    began = time.monotonic()
    build = [["spin", "-a", *flags.split(), MODEL.name],
             ["gcc", optimize, "-w", f"-DMEMLIM={MEMORY_MIB}",
              *(["-DNFAIR=3"] if live else ["-DSAFETY", "-DNOCLAIM"]), "-o", "pan", "pan.c"]]
    for command in build:
        subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
    search = ["./pan", "-m3000000", *(["-a", "-f"] if live else [])]
    try:
        out = subprocess.run(search, cwd=directory, capture_output=True, text=True,
                             timeout=SECONDS_MAX, check=False).stdout
    except subprocess.TimeoutExpired:
        out = ""
    (directory / "out").write_text(f"flags: {flags}\n{out}", encoding="utf-8")
    seconds = time.monotonic() - began

    def number(pattern: str) -> int:
        found = re.search(pattern, out)
        return int(found.group(1)) if found else 0

    # A search that was cut short by depth or memory proves nothing.
    whole = "Search not completed" not in out and "max search depth too small" not in out
    errors = re.search(r"errors: (\d+)", out)
    if errors and errors.group(1) != "0":
        what = re.search(r"pan:1: (.*?) \(at depth", out)
        why = what.group(1) if what else "?"
        verdict = f"violates {promise_of(why)}"
    else:
        verdict, why = ("holds" if errors and whole else "unfinished"), ""
    return {"verdict": verdict, "why": why, "states": number(r"(\d+) states, stored"),
            "depth": number(r"depth reached (\d+)"), "seconds": seconds}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("words", nargs="*")
    arguments.add_argument("--keep", type=pathlib.Path)
    options = arguments.parse_args()
    checks = [(name, flags, "holds") for name, flags in HOLDS]
    checks += [(flag, f"{flags} -DMUTATION -D{flag}", f"violates {promise}")
               for flag, flags, promise in MUTATIONS]
    checks = [c for c in checks if not options.words or any(w in c[0] for w in options.words)]
    print(f"{'check':34}{'states':>11}{'depth':>10}{'seconds':>9}  verdict")
    wrong = []
    for name, flags, expected in checks:
        print(f"{name:34}", end="", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            directory = pathlib.Path(scratch)
            if options.keep:
                directory = options.keep / re.sub(r"\W+", "_", name)
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir(parents=True)
            result = run(flags, directory, "-O0" if "-DMUTATION" in flags else "-O2")
        as_expected = result["verdict"] == expected
        verdict = result["verdict"] if as_expected else f"{result['verdict']}, NOT {expected}"
        if not as_expected:
            wrong.append(name)
        numbers = f"{result['states']:11,}{result['depth']:10,}{result['seconds']:9.1f}"
        print(f"{numbers}  {verdict}", flush=True)
        if result["why"] and not as_expected:
            print(f"    {result['why']}; flags: {flags}", flush=True)
    print(f"{len(checks)} checks, {len(checks) - len(wrong)} as they must be"
          + (f"; wrong: {', '.join(wrong)}" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
