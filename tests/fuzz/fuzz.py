#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of a build, each its share of the time, and tells in a table how it went.

fuzz.py --build build/fuzz [--minutes N] [--jobs N] [TARGET]

What was found is kept under BUILD/findings/TARGET; new corpus files go to BUILD/corpus/TARGET.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Stories end after some hundred steps; decoders are given room for counts that matter.
LENGTH_MAX = {"header": 8192, "chunk": 8192, "meta": 4096}
LENGTH_MAX_ELSE = 1500
SECONDS_LEAST = 5
INPUT_SECONDS_MAX = 20
MALLOC_MB_MAX = 64
RESIDENT_MB_MAX = 1536  # most of it is the address sanitizer's quarantine
COLUMNS = ("target", "runs", "execs/s", "edges", "corpus", "peak MB", "verdict")


@dataclasses.dataclass
class Result:
    target: str
    log: str
    good: bool
    findings: list

    def number(self, pattern):
        found = re.findall(pattern, self.log)
        return int(found[-1]) if found else 0

    def row(self):
        return (self.target, f"{self.number(r'number_of_executed_units: *([0-9]+)'):,}",
                f"{self.number(r'average_exec_per_sec: *([0-9]+)'):,}",
                f"{self.number(r'cov: ([0-9]+)'):,}", f"{self.number(r'corp: ([0-9]+)'):,}",
                f"{self.number(r'peak_rss_mb: *([0-9]+)'):,}", "clean" if self.good else "FINDING")


def all_targets():
    return sorted(name[:-4] for name in os.listdir(HERE) if name.endswith(".cpp"))


def folder(*parts):
    path = os.path.join(*parts)
    os.makedirs(path, exist_ok=True)
    return path


def fuzz(build, target, seconds):
    """One target for so long, beginning with its corpus, the seeds and the regressions."""
    found = folder(build, "findings", target)
    before = set(os.listdir(found))
    inputs = [folder(build, "corpus", target), folder(build, "seeds", target)]
    regressions = os.path.join(HERE, "regressions", target)
    if os.path.isdir(regressions):
        inputs.append(regressions)
    words = "config.dict" if target == "config" else "pawl.dict"
    command = [os.path.join(build, "tests", "fuzz", "fuzz_" + target),
               f"-max_total_time={seconds}", f"-max_len={LENGTH_MAX.get(target, LENGTH_MAX_ELSE)}",
               f"-timeout={INPUT_SECONDS_MAX}", f"-malloc_limit_mb={MALLOC_MB_MAX}",
               f"-rss_limit_mb={RESIDENT_MB_MAX}", "-print_final_stats=1",
               f"-dict={os.path.join(HERE, words)}", f"-artifact_prefix={found}/", *inputs]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    log = run.stdout + run.stderr
    with open(os.path.join(folder(build, "logs"), target + ".log"), "w", encoding="utf-8") as file:
        file.write(log)
    new = sorted(os.path.join(found, name) for name in set(os.listdir(found)) - before)
    return Result(target, log, run.returncode == 0, new)


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        cells = [cell.ljust(width) if i in (0, len(COLUMNS) - 1) else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def tell_finding(build, result):
    why = re.findall(r"^(?:expected: |memory: |pawl: |.*runtime error: |SUMMARY: ).*$", result.log,
                     re.MULTILINE)
    print(f"\n{result.target}: {why[0] if why else 'see its log'}"
          f"  (log: {os.path.join(build, 'logs', result.target + '.log')})")
    for path in result.findings:
        program = os.path.join(build, "tests", "fuzz", "fuzz_" + result.target)
        print(f"replay: {program} {path}")


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", required=True)
    options.add_argument("--minutes", type=float, default=5, help="in all, for all of them (5)")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="at the same time")
    options.add_argument("target", nargs="?")
    options = options.parse_args()

    targets = all_targets()
    if options.target:
        if options.target not in targets:
            sys.exit(f"no target is called {options.target}; there are: {' '.join(targets)}")
        targets = [options.target]
    jobs = min(options.jobs, len(targets))
    seconds = max(SECONDS_LEAST, int(options.minutes * 60 * jobs / len(targets)))
    make_seeds = [sys.executable, os.path.join(HERE, "make_seeds.py"), f"{options.build}/seeds"]
    subprocess.run(make_seeds, check=True)
    print(f"{len(targets)} targets, {seconds} s each, {jobs} at a time", file=sys.stderr)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda name: fuzz(options.build, name, seconds), targets))
    print_table([COLUMNS, *(result.row() for result in results)])
    wrong = [result for result in results if not result.good]
    for result in wrong:
        tell_finding(options.build, result)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
