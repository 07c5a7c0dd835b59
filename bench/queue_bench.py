#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Producer, queue and worker as processes over loopback TCP, against raw libzmq and a bare file.

Every message is sent by its own call, handled by its own call, confirmed and acked (throughput.py
says when a round ends). Kinds alternate round by round, so that a noisy machine disturbs all of
them alike, and a ratio is of two rates of one round. Then the same with more producers and workers,
and over more queues.
"""

import sys

import plot
import report
from throughput import SYNC, Rounds

RAW, FILE, MEMORY, DURABLE = "raw proxy", "append + fdatasync", "in memory", "durable"
# Issue 9, point 1: {bytes: {(kind, base): bar}}
BARS = {
    100: {(MEMORY, RAW): report.at_least(3.5), (DURABLE, RAW): report.at_least(1.0),
          (DURABLE, FILE): report.at_least(0.65)},
    1024: {(MEMORY, RAW): report.at_least(1.4), (DURABLE, RAW): None, (DURABLE, FILE): None},
}
PEERS = (1, 4, 16)  # producers, and as many workers
QUEUES = (1, 16, 256)


def kinds(rounds):
    """{kind: seconds of a round}, each called with count and bytes."""
    return {
        "raw direct": rounds.raw_direct,
        RAW: rounds.raw_proxy,
        "raw proxy, 16 packed": lambda count, size: rounds.raw_proxy(count, size, 16),
        FILE: rounds.bare_append,
        MEMORY: lambda count, size: rounds.pawl(count, size, durable=False),
        DURABLE: lambda count, size: rounds.pawl(count, size, durable=True),
    }


def alternate(measures, rounds_count, count, title):
    """{kind: [rate of each round]}"""
    rates = {kind: [] for kind in measures}
    for number in range(rounds_count):
        for kind, measure in measures.items():
            rates[kind].append(count / measure())
            report.say(f"{title}  round {number + 1}/{rounds_count}  {kind:21}"
                       f"{rates[kind][-1]:12,.0f} messages/s")
    return rates


def against_others(out, rounds, options):
    rows = []
    for size, count in ((100, options.messages), (1024, options.messages // 5)):
        count = max(count - count % SYNC, SYNC)
        measures = {kind: lambda measure=measure, size=size, count=count: measure(count, size)
                    for kind, measure in kinds(rounds).items()}
        rates = alternate(measures, options.rounds, count, f"{size:5} bytes")
        for kind, values in rates.items():
            median = out.add_rounds(f"{size:5} B  {kind}", values, "messages/s")
            rows.append({"group": f"{size} bytes", "kind": kind, "median": median,
                         "least": min(values), "most": max(values),
                         "ratio": median_ratio(values, rates[RAW])})
        for (kind, base), bar in BARS[size].items():
            out.add_rounds(f"{size:5} B  {kind} / {base}", ratios(rates[kind], rates[base]), "×",
                           bar)
    out.write_plot(plot.bars(rows, f"messages/s, median of {options.rounds}, {out.machine()}",
                             "proxy"))


def ratios(values, base):
    return [value / other for value, other in zip(values, base)]


def median_ratio(values, base):
    return sorted(ratios(values, base))[len(values) // 2]


def scaling(out, rounds, options):
    for what, sizes, produce, consume in (("producers and workers", PEERS, "--producers",
                                           "--workers"),
                                          ("queues", QUEUES, "--queues", "--queues")):
        for durable in (False, True):
            kind = DURABLE if durable else MEMORY
            measures = {f"{kind}, {size} {what}": lambda size=size, durable=durable: rounds.pawl(
                options.messages, 100, durable, (produce, size), (consume, size))
                for size in sizes}
            rates = alternate(measures, options.scaling_rounds, options.messages, "  scaling")
            one = next(iter(rates.values()))
            for name, values in rates.items():
                out.add_rounds(name, values, "messages/s")
                if values is not one:
                    out.add_rounds(f"{name} / 1", ratios(values, one), "×")


def run(out, options, folder):
    rounds = Rounds(options.build, folder)
    against_others(out, rounds, options)
    scaling(out, rounds, options)


def main():
    options = report.parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--scaling-rounds", type=int, default=3)
    options.add_argument("--messages", type=int, default=4_000_000, help="of 100 bytes, a round")
    options = options.parse_args()
    if options.quick:
        options.rounds, options.scaling_rounds, options.messages = 1, 1, 400_000
    return report.main("queue", run, options)


if __name__ == "__main__":
    sys.exit(main())
