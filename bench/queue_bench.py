#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Producer, queue and worker as processes over loopback TCP, against raw libzmq in the same run.

Kinds alternate round by round, so that a noisy machine disturbs all of them alike. A round of raw
libzmq ends when the last message was received; one of pawl when every message was confirmed to its
producer and acked by its worker, and the hub has answered the last ack. Rates count from the first
send. Prints a table; writes queue.json and queue.svg.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time

import plot
from processes import Process

KINDS = ["raw direct", "raw proxy", "raw proxy, 16 packed", "pawl in memory", "pawl durable"]
BASE = "raw proxy"
BARS = {"pawl in memory": 1.5, "pawl durable": 0.6}  # of the base, at 100 bytes


class Bench:
    def __init__(self, build, data):
        self.raw = os.path.join(build, "bench/bin/bench_raw_peers")
        self.produce = os.path.join(build, "bench/bin/bench_pawl_produce")
        self.consume = os.path.join(build, "bench/bin/bench_pawl_consume")
        self.device = os.path.join(build, "bin/pawl-queue")
        self.data = data

    def round(self, kind, count, size):
        """Seconds from the first send to the end."""
        if kind == "raw direct":
            return self.raw_direct(count, size)
        if kind.startswith("raw"):
            return self.raw_proxy(count, size, 16 if "16" in kind else 1)
        return self.pawl(count, size, durable="durable" in kind)

    def raw_direct(self, count, size):
        with Process(self.raw, "pull", "tcp://127.0.0.1:*", count, size, 1) as pull:
            endpoint = pull.wait_for("bound")
            return self.raw_push(pull, endpoint, count, size, 1)

    def raw_proxy(self, count, size, pack):
        with Process(self.raw, "proxy") as proxy:
            front, back = proxy.wait_for("bound"), proxy.wait_for("bound")
            with Process(self.raw, "pull", back, count, size, pack) as pull:
                return self.raw_push(pull, front, count, size, pack)

    def raw_push(self, pull, endpoint, count, size, pack):
        with Process(self.raw, "push", endpoint, count, size, pack) as push:
            begun = float(push.wait_for("first_send"))
            ended = float(pull.wait_for("last_receive"))
            push.finish()
            return ended - begun

    def pawl(self, count, size, durable):
        folder = tempfile.mkdtemp(dir=self.data)
        store = ["--data", folder] if durable else ["--memory"]
        try:
            with Process(self.device, "--bind", "tcp://127.0.0.1:*", "--log-level", "warn",
                         *store) as device:
                endpoint = device.wait_for("tcp:")
                with Process(self.consume, endpoint, count, size) as consume:
                    consume.wait_for("ready")
                    with Process(self.produce, endpoint, count, size) as produce:
                        begun = float(produce.wait_for("first_send"))
                        confirmed = float(produce.wait_for("all_confirmed"))
                        acked = float(consume.wait_for("all_acked"))
                        produce.finish()
                        consume.finish()
                        return max(confirmed, acked) - begun
        finally:
            shutil.rmtree(folder)


def run(bench, options):
    """{size: {kind: [rate of each round]}}"""
    rates = {}
    for size, count in ((100, options.messages), (1024, max(1, options.messages // 5))):
        count -= count % 16
        rates[size] = {kind: [] for kind in KINDS}
        for number in range(options.rounds):
            for kind in KINDS:
                rate = count / bench.round(kind, count, size)
                rates[size][kind].append(rate)
                print(f"{size:5} bytes  round {number + 1}/{options.rounds}  {kind:21}"
                      f"{rate:12,.0f} messages/s", file=sys.stderr)
    return rates


def summary(rates):
    rows = []
    for size, kinds in rates.items():
        for kind, values in kinds.items():
            ratios = [value / base for value, base in zip(values, kinds[BASE])]
            rows.append({
                "bytes": size, "kind": kind, "rates": values,
                "median": statistics.median(values), "least": min(values), "most": max(values),
                "mib_s": statistics.median(values) * size / 2**20,
                "ratio": statistics.median(ratios),
            })
    return rows


def table(rows):
    lines = [f"{'bytes':>5}  {'kind':21} {'median/s':>12} {'least':>12} {'most':>12} {'MiB/s':>7}"
             f" {'× proxy':>8}"]
    for row in rows:
        lines.append(f"{row['bytes']:5}  {row['kind']:21} {row['median']:12,.0f}"
                     f" {row['least']:12,.0f} {row['most']:12,.0f} {row['mib_s']:7.1f}"
                     f" {row['ratio']:8.2f}")
    return "\n".join(lines)


def bars_missed(rows):
    return [f"{row['kind']}: {row['ratio']:.2f} of the raw proxy, the bar is {BARS[row['kind']]}"
            for row in rows
            if row["bytes"] == 100 and row["ratio"] < BARS.get(row["kind"], 0)]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--build", default="build/release")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--messages", type=int, default=1_000_000, help="of 100 bytes, a round")
    options.add_argument("--out", help="where to write queue.json and queue.svg (BUILD/bench)")
    options = options.parse_args()
    out = options.out or os.path.join(options.build, "bench")
    os.makedirs(out, exist_ok=True)

    with tempfile.TemporaryDirectory(dir=out) as data:
        rates = run(Bench(options.build, data), options)
    rows = summary(rates)
    report = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.release()}",
              "rounds": options.rounds, "messages": options.messages, "rows": rows}
    with open(os.path.join(out, "queue.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
    with open(os.path.join(out, "queue.svg"), "w", encoding="utf-8") as file:
        file.write(plot.bars(rows, f"messages/s, median of {options.rounds}, {report['machine']}"))
    print(table(rows))
    print(f"written: {out}/queue.json, {out}/queue.svg")
    missed = bars_missed(rows)
    print("\n".join(missed) or "both bars are reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
