#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From send to handler, in microseconds, at steady rates, against an unacked zmq_proxy.

Each message carries when it was sent; rates are kept whatever became of earlier messages. Rounds
alternate, each kind's histograms are added up. The third rate is half of the highest that all
kinds reach in this run. A sync is timed beside: append of one message and fdatasync; and what a
bare file takes at the same rates, by a thread that appends and syncs all that has come.
"""

import json
import sys

import plot
import report
from processes import Process
from throughput import Rounds

# Issue 9, point 2: in memory against the proxy; durable beyond in memory, in syncs.
P50_TO_PROXY = report.at_most(1.4)
P999_TO_PROXY = report.at_most(3.0)
SYNCS_OF_DURABLE = report.at_most(1.0)

BYTES = 100
KINDS = ["raw proxy", "in memory", "durable"]
MARKS = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("highest", 1.0))


class Latencies:
    """Counts by bucket, each known by its lowest nanosecond."""

    def __init__(self):
        self.buckets = {}

    def add(self, text):
        for lowest, count in json.loads(text):
            self.buckets[lowest] = self.buckets.get(lowest, 0) + count

    def us(self, share):
        left = share * sum(self.buckets.values())
        for lowest in sorted(self.buckets):
            left -= self.buckets[lowest]
            if left <= 0:
                return lowest / 1e3
        raise ValueError("no latencies")


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.rounds = Rounds(options.build, folder)

    def measure(self, kind, rate):
        """One round: the histogram's line."""
        count = int(rate * self.options.seconds)
        if kind == "raw proxy":
            return self.proxy(rate, count)
        with self.rounds.device(kind == "durable") as device, \
                self.rounds.peer("consume", device, count, BYTES, "--latency", 1) as consume:
            consume.wait_for("ready")
            with self.rounds.peer("produce", device, count, BYTES, "--rate", rate) as produce:
                line = consume.wait_for("latency")
                produce.finish()
                consume.finish()
                return line

    def proxy(self, rate, count):
        rounds = self.rounds
        with rounds.proxy() as (front, back), \
                Process(rounds.raw, "pull", back, count, BYTES, "--latency", 1) as pull, \
                Process(rounds.raw, "push", front, count, BYTES, "--rate", rate) as push:
            line = pull.wait_for("latency")
            push.finish()
            return line

    def sync(self):
        """Of one message, a thousand a second at most."""
        path = f"{self.rounds.folder}/sync"
        with Process(self.rounds.raw, "append", path, 1000 * self.options.seconds, BYTES,
                     "--rate", 1000) as append:
            return append.wait_for("latency")

    def bare(self, rate):
        """From when a message comes until a thread has written and synced it."""
        path = f"{self.rounds.folder}/bare"
        with Process(self.rounds.raw, "group", path, rate * self.options.seconds, BYTES,
                     "--rate", rate) as group:
            return group.wait_for("latency")

    def highest_rate(self):
        """That every kind reaches, messages/s."""
        count = self.options.messages
        return min(count / self.rounds.raw_proxy(count, BYTES),
                   count / self.rounds.pawl(count, BYTES, durable=False),
                   count / self.rounds.pawl(count, BYTES, durable=True))


def run(out, options, folder):
    bench = Bench(options, folder)
    half = int(bench.highest_rate() / 2)
    report.say(f"half of the highest rate: {half:,} messages/s")
    rates = {"1,000/s": 1000, "10,000/s": 10_000, f"{half:,}/s": half}
    found = {(name, kind): Latencies() for name in rates for kind in KINDS}
    syncs, bare = Latencies(), {name: Latencies() for name in rates}
    for number in range(options.rounds):
        syncs.add(bench.sync())
        for name, rate in rates.items():
            bare[name].add(bench.bare(rate))
            for kind in KINDS:
                found[name, kind].add(bench.measure(kind, rate))
            report.say(f"round {number + 1}/{options.rounds}  {name:>12}  " + "  ".join(
                f"{kind} {found[name, kind].us(0.5):,.0f}/{found[name, kind].us(0.999):,.0f}"
                for kind in KINDS) + " µs p50/p99.9")
    tell(out, rates, found, syncs, bare)


def tell(out, rates, found, syncs, bare):
    sync = out.add("append + fdatasync of one message, p50", syncs.us(0.5), "µs")
    for name in rates:
        for kind in KINDS:
            for mark, share in MARKS:
                out.add(f"{name}  {kind}: {mark}", found[name, kind].us(share), "µs")
        raw, memory, durable = (found[name, kind] for kind in KINDS)
        out.add(f"{name}  in memory / proxy: p50", memory.us(0.5) / raw.us(0.5), "×", P50_TO_PROXY)
        out.add(f"{name}  in memory / proxy: p99.9", memory.us(0.999) / raw.us(0.999), "×",
                P999_TO_PROXY)
        out.add(f"{name}  durable beyond in memory: p50", (durable.us(0.5) - memory.us(0.5)) / sync,
                "syncs", SYNCS_OF_DURABLE)
        out.add(f"{name}  bare file, synced in groups: p50", bare[name].us(0.5) / sync, "syncs")
    out.details["histograms"] = {f"{name}, {kind}": sorted(latencies.buckets.items())
                                 for (name, kind), latencies in found.items()}
    out.write_plot(plot.histograms(
        {name: {kind: found[name, kind].buckets for kind in KINDS} for name in rates},
        "from send to handler, share of messages by µs"))


def main():
    options = report.parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=4, help="of each round of each rate (4)")
    options.add_argument("--messages", type=int, default=1_000_000,
                         help="to find the highest rate (1,000,000)")
    options = options.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.messages = 1, 2, 400_000
    return report.main("latency", run, options)


if __name__ == "__main__":
    sys.exit(main())
