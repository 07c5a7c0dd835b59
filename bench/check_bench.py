#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has pawl become slower? Compares with bench/kept.json, and fails if it clearly has.

Instructions, counted by callgrind. First of a hub's machine and of a worker's, each alone, in one
thread: the same in every run. Then a message's in the producer's, the device's and the worker's
process, libzmq and RocksDB included: how messages gather into chunks and commits differs from run
to run, so the least of some rounds. Last the rate in memory to raw libzmq's of the same round: it
also sees waiting, but a busy machine bends it, so only a large loss counts. (The durable rate to a
bare file's is left to `queue`: a disk with neighbours bent it sevenfold between two runs.)

--keep writes what was measured into bench/kept.json instead: for a change that is meant, with its
reason in the commit.
"""

import json
import os
import re
import subprocess
import sys

import report
from throughput import Rounds

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kept.json")
# What runs of one build differ by on a busy machine (measured at load 9: nothing; 3 %; 8 %; the
# device 70 %, its least of three 30 %; rates twofold), and a little.
ALONE = ("hub", "worker")
CHUNK, MESSAGE, RETRY = "a chunk of one", "each further message of a chunk", "a retry"
MORE = {CHUNK: 1.03, MESSAGE: 1.03, RETRY: 1.03, "producer": 1.08, "worker": 1.1, "device": 1.5}
RATE, RATE_LESS = "in memory / raw proxy", 0.6

BYTES = 100
FEW, MANY = 100_000, 300_000  # counted by the difference: starting up is no part of a message
ALONE_FEW, ALONE_MANY, FULL = 200, 1_000, 1_024
NACK_ONE_IN, NACK_TIMES, ALONE_FAILING = 10, 2, 100
TIMED = 1_000_000


def callgrind(log):
    return ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}")


def collected(log):
    with open(log, encoding="utf-8") as file:
        return int(re.search(r"Collected : (\d+)", file.read()).group(1))


def alone(rounds, which, chunks, pack, *options):
    """Instructions of a hub's or a worker's machine for so many chunks."""
    log = os.path.join(rounds.folder, which)
    program = os.path.join(rounds.build, f"bench/bin/bench_pawl_{which}_budget")
    command = [program, "-", chunks, BYTES, "--pack", pack, *options]
    subprocess.run([*callgrind(log), *map(str, command)], check=True)
    return collected(log)


def a_chunk(rounds, which, pack):
    """Instructions of one more chunk of so many messages."""
    few, many = (alone(rounds, which, chunks, pack) for chunks in (ALONE_FEW, ALONE_MANY))
    return (many - few) / (ALONE_MANY - ALONE_FEW)


def a_retry(rounds, which):
    """What each retry adds: its nack, its wait, its way back and its ack."""
    clean = alone(rounds, which, ALONE_FAILING, FULL)
    failing = alone(rounds, which, ALONE_FAILING, FULL, "--nack-one-in", NACK_ONE_IN,
                    "--nack-times", NACK_TIMES)
    return (failing - clean) / (ALONE_FAILING * FULL * NACK_TIMES / NACK_ONE_IN)


def machines(rounds):
    """{figure: [its value]}"""
    figures = {}
    for which in ALONE:
        one, full = a_chunk(rounds, which, 1), a_chunk(rounds, which, FULL)
        figures[f"{which} machine: {CHUNK}"] = [one]
        figures[f"{which} machine: {MESSAGE}"] = [(full - one) / (FULL - 1)]
        figures[f"{which} machine: {RETRY}"] = [a_retry(rounds, which)]
    return figures


def instructions(rounds, durable, count):
    """{process: instructions} of one run."""
    logs = {what: os.path.join(rounds.folder, what) for what in ("producer", "device", "worker")}
    with rounds.device(durable, callgrind(logs["device"])) as device:
        with rounds.peer("consume", device, count, BYTES,
                         under=callgrind(logs["worker"])) as worker:
            worker.wait_for("ready")
            with rounds.peer("produce", device, count, BYTES,
                             under=callgrind(logs["producer"])) as producer:
                producer.wait_for("all_confirmed")
                worker.wait_for("all_acked")
                producer.finish()
                worker.finish()
        device.stop()
    return {what: collected(log) for what, log in logs.items()}


def instructions_a_message(rounds, durable):
    few, many = (instructions(rounds, durable, count) for count in (FEW, MANY))
    return {what: (many[what] - few[what]) / (MANY - FEW) for what in few}


def measure(rounds, options):
    """{figure: its value in each round}"""
    figures = machines(rounds)
    for number in range(options.rounds):
        for durable in (False, True):
            kind = "durable" if durable else "in memory"
            report.say(f"round {number + 1}/{options.rounds}, {kind}")
            for what, count in instructions_a_message(rounds, durable).items():
                figures.setdefault(f"{kind}: {what}", []).append(count)
        raw = rounds.raw_proxy(TIMED, BYTES)
        figures.setdefault(RATE, []).append(raw / rounds.pawl(TIMED, BYTES, durable=False))
    return figures


def judge(out, name, values, kept):
    """Adds a row; the value that would be kept."""
    if name == RATE:
        bar = report.at_least(kept * RATE_LESS) if kept else None
        return out.add_rounds(name, values, "×", bar)
    more = MORE[name.rpartition(": ")[2]]
    bar = report.at_most(kept * more) if kept else None
    out.add(f"{name}, least", min(values), "instructions", bar)
    out.rows[-1].update(least=min(values), most=max(values), rounds=values)
    return min(values)


def run(out, options, folder):
    kept = {}
    if not options.keep:
        with open(KEPT, encoding="utf-8") as file:
            kept = json.load(file)["figures"]
    figures = measure(Rounds(options.build, folder), options)
    found = {name: round(judge(out, name, values, kept.get(name)), 2)
             for name, values in figures.items()}
    if options.keep:
        with open(KEPT, "w", encoding="utf-8") as file:
            json.dump({"machine": out.machine(), "figures": found}, file, indent=1)
            file.write("\n")
        report.say(f"kept: {KEPT}")


def main():
    options = report.parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--keep", action="store_true", help="write bench/kept.json")
    options = options.parse_args()
    if options.quick:
        options.rounds = 1
    code = report.main("check", run, options)
    if code != 0:
        report.say("slower than bench/kept.json says. If that is meant: ./dev bench check --keep,"
                   " and the reason in the commit.")
    return code


if __name__ == "__main__":
    sys.exit(main())
