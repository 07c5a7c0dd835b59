#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same work by other systems: beanstalkd, Redis Streams, RabbitMQ, NATS JetStream and Kafka.

One producer, one server, one consumer on loopback TCP; every message is confirmed to the producer
and acked by the consumer; in memory, and on disk before it is confirmed. Each system is driven as
bench/peers/README.md says; one that is not to be had here is skipped. Systems alternate round by
round. A round begins with a new server and warms it up; then a run of some seconds is measured,
from the first send until all is confirmed and acked.
"""

import contextlib
import sys
import tempfile

import plot
import report
from peers import servers
from throughput import Rounds, seconds_through

PAWL = "pawl"
SIZES = (100, 1024)
# Issue 9, point 7: pawl to the fastest of the others, at 100 bytes.
BARS = {False: report.at_least(5), True: report.at_least(2.5)}
FIRST_COUNT, MOST_COUNT = 2_000, 20_000_000


class Pawl:
    name = PAWL

    def __init__(self, rounds):
        self.rounds = rounds

    @contextlib.contextmanager
    def ready(self, durable):
        with self.rounds.device(durable) as device:
            yield lambda count, size: self.rounds.through(device, count, size)


class Other:
    def __init__(self, server, folder):
        self.server, self.folder, self.name = server, folder, server.name

    @contextlib.contextmanager
    def ready(self, durable):
        # A server that is killed may still write.
        with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as data, \
                self.server.run(data, durable) as port:
            yield lambda count, size: self.through(port, count, size, durable)

    def through(self, port, count, size, durable):
        return seconds_through(lambda: self.server.peer("consume", port, count, size, durable),
                               lambda: self.server.peer("produce", port, count, size, durable))


def rate_of(system, size, durable, counts, seconds):
    """Messages a second; `counts` keeps how many take about `seconds`, once that is known."""
    key = (system.name, size, durable)
    with system.ready(durable) as through:
        through(max(counts.get(key, 0) // 2, FIRST_COUNT), size)
        if key in counts:
            return counts[key] / through(counts[key], size)
        count = FIRST_COUNT
        while True:
            took = through(count, size)
            if took >= seconds / 2 or count == MOST_COUNT:
                counts[key] = min(int(count * max(seconds / took, 1)), MOST_COUNT)
                return count / took
            count = min(int(count * min(seconds / took, 10)), MOST_COUNT)


def compare(out, systems, size, durable, options, counts):
    where = f"{size:5} B {'durable' if durable else 'in memory':9}"
    rates = {system.name: [] for system in systems}
    for number in range(options.rounds):
        for system in systems:
            rate = rate_of(system, size, durable, counts, options.seconds)
            rates[system.name].append(rate)
            report.say(f"{where}  round {number + 1}/{options.rounds}  {system.name:15}"
                       f"{rate:12,.0f} messages/s")
    medians = {name: out.add_rounds(f"{where}  {name}", values, "messages/s")
               for name, values in rates.items()}
    others = [name for name in medians if name != PAWL]
    fastest = max(others, key=medians.get)
    for name in others:
        bar = BARS[durable] if name == fastest and size == 100 else None
        out.add_rounds(f"{where}  pawl / {name}",
                       [mine / its for mine, its in zip(rates[PAWL], rates[name])], "×", bar)
    return [{"group": where.strip(), "kind": name, "median": medians[name], "least": min(values),
             "most": max(values), "ratio": medians[name] / medians[PAWL]}
            for name, values in rates.items()]


def run(out, options, folder):
    systems, skipped = [], []
    for kind in servers.ALL:
        server = kind(options.build)
        if options.only and server.client not in options.only:
            continue
        reason = server.missing()
        if reason:
            report.say(reason)
            skipped.append(reason)
        else:
            systems.append(Other(server, folder))
    out.details["skipped"] = skipped
    if not systems:
        sys.exit("none of the other systems is to be had here")
    systems.append(Pawl(Rounds(options.build, folder)))
    rows, counts = [], {}
    for size in SIZES[:1] if options.quick else SIZES:
        for durable in (False, True):
            rows += compare(out, systems, size, durable, options, counts)
    out.write_plot(plot.bars(rows, f"messages/s, median of {options.rounds}, {out.machine()}",
                             "pawl"))


def main():
    options = report.parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=4, help="of a run (4)")
    options.add_argument("--only", action="append", choices=[kind.client for kind in servers.ALL],
                         help="this one beside pawl (may be repeated)")
    options = options.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return report.main("peers", run, options)


if __name__ == "__main__":
    sys.exit(main())
