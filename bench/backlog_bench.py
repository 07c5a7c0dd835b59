#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty million messages wait in a durable device, then go.

First producer and worker run together, for the rate to compare with. Then a backlog is sent with
nobody to work, the device is killed and started again, and the backlog is drained. Last, a fifth
of that is worked while one message in a thousand stays: delayed for an hour, or held by a worker.
"""

import json
import os
import subprocess
import sys

import plot
import report
from processes import Device, disk_bytes
from throughput import Rounds

# Issue 9, point 3.
RESIDENT_MB = report.at_most(100)
LAST_TO_FIRST = report.at_least(0.75)
DRAIN_TO_LIVE = report.at_least(1.0)
LEFT_MB = report.at_most(100)
WRITTEN_TO_SENT = report.at_most(2.5)
SERVES_AGAIN_S = report.at_most(1.0)
STUCK_TO_LIVE, STUCK_MB = 1.5, 64  # disk: at most 1.5 × what is live, and 64 MB

BYTES = 100
STEP = 1_000_000
STUCK_ONE_IN, STUCK_WORKERS = 1000, 8  # a worker holds at most 1,024 ranges
SETTLING_S = 30  # for the space to come back


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.rounds = Rounds(options.build, folder)

    def device(self, name):
        return Device(self.options.build, self.data(name))

    def data(self, name):
        return os.path.join(self.folder, name)

    def peer(self, program, device, count, *options):
        return self.rounds.peer(program, device, count, BYTES, *options, deadline_s=600)

    def fill(self, device):
        """Seconds that each million took to be confirmed."""
        with self.peer("produce", device, self.options.messages, "--step",
                       self.options.step) as produce:
            times = [float(produce.wait_for("first_send"))]
            for _ in range(self.options.messages // self.options.step):
                times.append(float(produce.wait_for("confirmed")))
            produce.finish()
        return [later - earlier for earlier, later in zip(times, times[1:])]

    def serves_again(self, device):
        """Seconds from the start of a device to the first message in a handler."""
        with self.peer("consume", device, 1) as consume:
            handled = float(consume.wait_for("first_handled"))
            consume.finish()
        with self.peer("produce", device, 1) as produce:
            confirmed = float(produce.wait_for("all_confirmed"))
            produce.finish()
        return max(handled, confirmed) - device.begun

    def drain_rate(self, device, count):
        with self.peer("consume", device, count) as consume:
            begun = float(consume.wait_for("ready"))
            ended = float(consume.wait_for("all_acked"))
            consume.finish()
            return count / (ended - begun)

    def waiting(self, device):
        stat = subprocess.run(
            [os.path.join(self.options.build, "bin/pawl"), "stat", "--at", device.endpoint,
             "--json"], stdout=subprocess.PIPE, check=True)
        queue = json.loads(stat.stdout)["queues"][0]
        return sum(queue[place] for place in ("ready", "leased", "delayed"))


def backlog(bench, out):
    options = bench.options
    live = out.add("live, producer and worker together",
                   options.live / bench.rounds.pawl(options.live, BYTES, durable=True),
                   "messages/s")
    with bench.device("backlog") as device:
        steps = bench.fill(device)
        rates = [options.step / seconds for seconds in steps]
        out.details["fill_rates"] = rates
        out.write_plot(plot.steps(rates, "messages/s confirmed, each million of a backlog"))
        out.add(f"filled with {options.messages:,}", options.messages / sum(steps), "messages/s")
        out.add("last million / first million", rates[-1] / rates[0], "×", LAST_TO_FIRST)
        out.add("resident, filling, highest", device.resident_peak_mb(), "MB", RESIDENT_MB)
        out.add("disk, full", disk_bytes(bench.data("backlog")) / 1e6, "MB")
        written = device.written_bytes()
        device.kill()
    with bench.device("backlog") as device:
        out.add("after kill -9: open", device.ready_s, "s")
        out.add("after kill -9: handed out and confirmed", bench.serves_again(device), "s",
                SERVES_AGAIN_S)
        left = bench.waiting(device)
        if left != options.messages:
            raise RuntimeError(f"{left:,} messages wait, not {options.messages:,}")
        drain = out.add("drained", bench.drain_rate(device, left), "messages/s")
        out.add("drained / live", drain / live, "×", DRAIN_TO_LIVE)
        out.add("resident, draining, highest", device.resident_peak_mb(), "MB", RESIDENT_MB)
        data = bench.data("backlog")
        space_returned(device, out, "drained", lambda: LEFT_MB.met(disk_bytes(data) / 1e6))
        out.add("drained: disk", disk_bytes(data) / 1e6, "MB", LEFT_MB)
        written += device.written_bytes()
    out.add("written / sent", written / (options.messages * BYTES), "×", WRITTEN_TO_SENT)


class StuckWatch:
    """What is on disk beside what is live, as the run goes on."""

    def __init__(self, bench, device, data):
        self.bench, self.device, self.data = bench, device, data
        self.highest_mb = 0

    def excess_mb(self):
        disk = disk_bytes(self.data) / 1e6
        live = self.bench.waiting(self.device) * BYTES / 1e6
        self.highest_mb = max(self.highest_mb, disk - STUCK_TO_LIVE * live)
        return disk - STUCK_TO_LIVE * live


def stuck(bench, out, kind, *consume_options):
    """One in a thousand is never settled; everything else is."""
    count = bench.options.stuck
    held = count // STUCK_ONE_IN
    with bench.device(kind) as device, \
            bench.peer("consume", device, count - held, *consume_options) as consume:
        consume.wait_for("ready")
        watch = StuckWatch(bench, device, bench.data(kind))
        with bench.peer("produce", device, count, "--step", count // 10) as produce:
            for _ in range(10):
                produce.wait_for("confirmed")
                watch.excess_mb()
            produce.finish()
        consume.wait_for("stuck" if kind == "held" else "all_acked")
        device.watch_until(lambda: bench.waiting(device) == held, "all others settled")
        title = f"one in {STUCK_ONE_IN:,} {kind}"
        bar = report.at_most(STUCK_MB)
        space_returned(device, out, title, lambda: bar.met(watch.excess_mb()))
        out.add(f"{title}: disk beyond 1.5 × live, on the way", watch.highest_mb, "MB")
        out.add(f"{title}: disk beyond 1.5 × live", watch.excess_mb(), "MB", bar)
        out.add(f"{title}: resident, highest", device.resident_peak_mb(), "MB", RESIDENT_MB)


def space_returned(device, out, title, is_returned):
    """How long it took; no row if it never was."""
    try:
        device.deadline_s = SETTLING_S
        out.add(f"{title}: disk returned after", device.watch_until(is_returned, "its space back"),
                "s")
    except TimeoutError as timeout:
        report.say(timeout)


def run(out, options, folder):
    bench = Bench(options, folder)
    backlog(bench, out)
    stuck(bench, out, "delayed", "--nack-one-in", STUCK_ONE_IN, "--nack-delay", 3600)
    stuck(bench, out, "held", "--workers", STUCK_WORKERS, "--stick-one-in", STUCK_ONE_IN)


def main():
    options = report.parser(__doc__)
    options.add_argument("--messages", type=int, default=20 * STEP)
    options = options.parse_args()
    if options.quick:
        options.messages = STEP
    options.step = min(STEP, options.messages // 5)
    options.live = max(options.messages // 5, options.step)
    options.stuck = max(options.messages // 5, STEP)
    return report.main("backlog", run, options)


if __name__ == "__main__":
    sys.exit(main())
