#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages that fail, and a worker that dies with its hands full.

Clean and failing rounds alternate, in memory: one message in ten is nacked twice. Then every
message is nacked once, few and many, for the memory that failing takes. Last, a worker with ten
thousand leases is killed, and another one takes over.
"""

import os
import statistics
import sys
import time

import report
from processes import Device, Process

# Issue 9, point 6.
FAILING_TO_CLEAN = report.at_least(0.4)
MANY_TO_FEW = report.at_most(1.25)  # memory, with four times as many messages that fail
TAKEN_OVER_S = report.at_most(1.0)  # beyond the lease
SUSPECTS_PER_S = report.at_least(2000)

BYTES = 100
NACK_ONE_IN, NACK_TIMES = 10, 2
LEASES, SLOTS = 10_000, 1_024  # slots: a worker's default
WARM_UP = 300_000  # messages until a worker keeps that many at hand
LEASE_S = 3
QUICK_RETRY = """[defaults]
backoff = { initial = "10ms", factor = 1.0, max = "10ms", jitter = 0.0 }
"""
SLOW_RETRY = """[defaults]
backoff = { initial = "1s", factor = 1.0, max = "1s", jitter = 0.2 }
"""
SHORT_LEASE = f"""[hub]
lease = "{LEASE_S}s"
beat = "500ms"
margin = "500ms"
"""


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.programs = os.path.join(options.build, "bench/bin")

    def peer(self, program, device, count, *options):
        return Process(os.path.join(self.programs, f"bench_pawl_{program}"), device.endpoint, count,
                       BYTES, *options)

    def through(self, device, count, *options):
        """Seconds from the first send until all are confirmed and acked."""
        with self.peer("consume", device, count, *options) as consume:
            consume.wait_for("ready")
            with self.peer("produce", device, count) as produce:
                begun = float(produce.wait_for("first_send"))
                confirmed = float(produce.wait_for("all_confirmed"))
                ended = float(consume.wait_for("all_acked"))
                produce.finish()
                consume.finish()
                return max(confirmed, ended) - begun

    def data(self, name, durable):
        return os.path.join(self.folder, name) if durable else None


def some_fail(bench, out, durable):
    kind = "durable" if durable else "in memory"
    count = bench.options.messages
    rates = {"clean": [], "failing": []}
    for number in range(bench.options.rounds):
        for name, options in (
                ("clean", ()),
                ("failing", ("--nack-one-in", NACK_ONE_IN, "--nack-times", NACK_TIMES))):
            data = bench.data(f"{name}{number}", durable)
            with Device(bench.options.build, data, QUICK_RETRY) as device:
                rate = count / bench.through(device, count, *options)
            rates[name].append(rate)
            report.say(f"{kind}  round {number + 1}  {name:8} {rate:12,.0f} messages/s")
    out.details[f"rates, {kind}"] = rates
    ratios = [failing / clean for failing, clean in zip(rates["failing"], rates["clean"])]
    out.add(f"{kind}: clean", statistics.median(rates["clean"]), "messages/s")
    out.add(f"{kind}: one in {NACK_ONE_IN} nacked {NACK_TIMES} times",
            statistics.median(rates["failing"]), "messages/s")
    out.add(f"{kind}: failing / clean, least", min(ratios), "×")
    out.add(f"{kind}: failing / clean, median", statistics.median(ratios), "×", FAILING_TO_CLEAN)


def all_fail(bench, out):
    """Each message once, a second before it comes back: the device's memory at its highest."""
    peaks = {}
    for count in (bench.options.messages // 4, bench.options.messages):
        data = bench.data(f"all{count}", durable=True)
        with Device(bench.options.build, data, SLOW_RETRY) as device:
            seconds = bench.through(device, count, "--nack-one-in", 1, "--nack-times", 1)
            peaks[count] = device.resident_peak_mb()
        out.add(f"durable: all {count:,} nacked once", count / seconds, "messages/s")
        out.add(f"durable: all {count:,} nacked once, resident, highest", peaks[count], "MB")
    few, many = peaks.values()
    out.add("resident, four times as many / as few", many / few, "×", MANY_TO_FEW)


def worker_dies(bench, out):
    with Device(bench.options.build, None, SHORT_LEASE) as device, \
            bench.peer("consume", device, WARM_UP, "--hold", LEASES) as victim:
        victim.wait_for("ready")
        with bench.peer("produce", device, WARM_UP + LEASES) as produce:
            produce.wait_for("all_confirmed")
            produce.finish()
        victim.wait_for("holding")
        killed_s = time.monotonic()
        victim.kill()
        with bench.peer("consume", device, LEASES, "--suspects-to", WARM_UP + SLOTS) as heir:
            first = float(heir.wait_for("first_suspect"))
            rest = float(heir.wait_for("rest_handled"))
            ended = float(heir.wait_for("all_acked"))
            heir.finish()
    out.add(f"{LEASES:,} leases, worker killed: the rest in other hands, beyond the lease",
            rest - killed_s - LEASE_S, "s", TAKEN_OVER_S)
    out.add(f"its {SLOTS:,} suspects, settled one by one", SLOTS / (ended - first), "a second",
            SUSPECTS_PER_S)


def run(out, options, folder):
    bench = Bench(options, folder)
    worker_dies(bench, out)
    some_fail(bench, out, durable=False)
    some_fail(bench, out, durable=True)
    all_fail(bench, out)


def main():
    options = report.parser(__doc__)
    options.add_argument("--messages", type=int, default=2_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    if options.quick:
        options.messages, options.rounds = 400_000, 2
    return report.main("failures", run, options)


if __name__ == "__main__":
    sys.exit(main())
