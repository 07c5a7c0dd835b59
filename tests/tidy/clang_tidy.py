#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over our own files but the tests (Catch2's macros take minutes and find nothing),
several at a time; a file that was clean is not looked at again until it, a header that it includes,
or .clang-tidy changes.

clang_tidy.py --build build/lint [--jobs N]
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def project_sources(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    root = os.getcwd() + os.sep
    found = {command["file"] for command in commands}
    ours = sorted(path[len(root):] for path in found if path.startswith(root))
    return [path for path in ours if not path.startswith(("build/", "tests/"))]


def closure(path, seen):
    """The file and every header of the project that it reaches."""
    if path in seen or not os.path.isfile(path):
        return seen
    seen.add(path)
    for name in INCLUDE.findall(read(path).decode(errors="replace")):
        for folder in (".", "patterns/include", os.path.dirname(path)):
            closure(os.path.normpath(os.path.join(folder, name)), seen)
    return seen


def state_of(path):
    digest = hashlib.sha256(read(".clang-tidy"))
    for name in sorted(closure(path, set())):
        digest.update(name.encode() + b"\0" + read(name))
    return digest.hexdigest()


def check(build, path):
    result = subprocess.run(["clang-tidy", "-p", build, "--quiet", path],
                            capture_output=True, text=True, check=False)
    return path, result.returncode, result.stdout


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--build", required=True)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options = options.parse_args()

    clean_file = os.path.join(options.build, "clang_tidy_clean.json")
    clean = json.loads(read(clean_file)) if os.path.exists(clean_file) else {}
    states = {path: state_of(path) for path in project_sources(options.build)}
    changed = [path for path, state in states.items() if clean.get(path) != state]
    print(f"{len(states)} files, {len(changed)} to look at", file=sys.stderr)

    begun, wrong = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, code, output in pool.map(lambda p: check(options.build, p), changed):
            if code == 0:
                clean[path] = states[path]
            else:
                wrong += 1
                print(output, end="")
    with open(clean_file, "w", encoding="utf-8") as file:
        json.dump({path: clean[path] for path in states if path in clean}, file)
    print(f"clang-tidy: {wrong} files with complaints, {time.monotonic() - begun:.0f} s",
          file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
