#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages that fail, and a worker that dies with its hands full.

Clean and failing rounds alternate, in memory: one message in ten is nacked twice. Then every
message is nacked once, few and many, for the memory that failing takes. Last, a worker with ten
thousand leases is killed, and another one takes over.
"""

import sys
import time

import report
from throughput import Rounds

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


def some_fail(rounds, out, options, durable):
    kind = "durable" if durable else "in memory"
    rates = {"clean": [], "failing": []}
    for number in range(options.rounds):
        for name, nacks in (
                ("clean", ()),
                ("failing", ("--nack-one-in", NACK_ONE_IN, "--nack-times", NACK_TIMES))):
            rate = options.messages / rounds.pawl(options.messages, BYTES, durable, consume=nacks)
            rates[name].append(rate)
            report.say(f"{kind}  round {number + 1}/{options.rounds}  {name:8}"
                       f"{rate:12,.0f} messages/s")
    out.add_rounds(f"{kind}: clean", rates["clean"], "messages/s")
    out.add_rounds(f"{kind}: one in {NACK_ONE_IN} nacked {NACK_TIMES} times", rates["failing"],
                   "messages/s")
    out.add_rounds(f"{kind}: failing / clean",
                   [failing / clean for failing, clean in zip(rates["failing"], rates["clean"])],
                   "×", FAILING_TO_CLEAN)


def all_fail(rounds, out, options):
    """Each message once, a second before it comes back: the device's memory at its highest."""
    peaks = []
    for count in (options.messages // 4, options.messages):
        with rounds.device(durable=True) as device:
            seconds = rounds.through(device, count, BYTES, consume=("--nack-one-in", 1))
            peaks.append(device.resident_peak_mb())
        out.add(f"durable: all {count:,} nacked once", count / seconds, "messages/s")
        out.add(f"durable: all {count:,} nacked once, resident, highest", peaks[-1], "MB")
    out.add("resident, four times as many / as few", peaks[1] / peaks[0], "×", MANY_TO_FEW)


def worker_dies(rounds, out):
    with rounds.device(durable=False) as device, \
            rounds.peer("consume", device, WARM_UP, BYTES, "--hold", LEASES) as victim:
        victim.wait_for("ready")
        with rounds.peer("produce", device, WARM_UP + LEASES, BYTES) as produce:
            produce.wait_for("all_confirmed")
            produce.finish()
        victim.wait_for("holding")
        killed = time.monotonic()
        victim.kill()
        with rounds.peer("consume", device, LEASES, BYTES,
                         "--suspects-to", WARM_UP + SLOTS) as heir:
            first = float(heir.wait_for("first_suspect"))
            rest = float(heir.wait_for("rest_handled"))
            ended = float(heir.wait_for("all_acked"))
            heir.finish()
    out.add(f"{LEASES:,} leases, worker killed: the rest in other hands, beyond the lease",
            rest - killed - LEASE_S, "s", TAKEN_OVER_S)
    out.add(f"its {SLOTS:,} suspects, settled one by one", SLOTS / (ended - first), "a second",
            SUSPECTS_PER_S)


def run(out, options, folder):
    worker_dies(Rounds(options.build, folder, SHORT_LEASE), out)
    for durable in (False, True):
        some_fail(Rounds(options.build, folder, QUICK_RETRY), out, options, durable)
    all_fail(Rounds(options.build, folder, SLOW_RETRY), out, options)


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
