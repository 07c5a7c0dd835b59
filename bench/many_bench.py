#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a peer and a queue cost a device, when there are many.

A thousand and ten thousand peers (half producers, half workers) of one queue, then as many queues
with fifty to a peer; idle, which is beats and nothing else, and busy: one message a second from
every producer, or for every queue. Memory and processor time are the device's own.
"""

import contextlib
import resource
import sys

import report
from processes import Process
from throughput import Rounds

# Issue 9, point 5.
IDLE_PEER_KB = report.at_most(40)
LINEAR = report.at_most(1.25)  # ten times as many, each of them

SIZES = (1_000, 10_000)
HANDLES = 50  # queues of a peer, where queues are many; a session may have 64
PEERS_A_PROCESS = 2_500  # a peer takes two descriptors
BYTES = 100


class Crowd:
    """Peers in as many processes as they need, all of them with their queues open."""

    def __init__(self, rounds, device, peers, queues, handles):
        self.stack = contextlib.ExitStack()
        self.parts = [
            self.stack.enter_context(rounds.peer(
                "crowd", device, min(PEERS_A_PROCESS, peers - first), BYTES, "--first", first,
                "--queues", queues, "--handles", handles))
            for first in range(0, peers, PEERS_A_PROCESS)]

    def __enter__(self):
        for part in self.parts:
            part.wait_for("opened")
        return self

    def __exit__(self, *problem):
        return self.stack.__exit__(*problem)

    def rate(self, per_second):
        """Messages that were sent, confirmed and handled so far."""
        for part in self.parts:
            part.tell(f"rate {per_second // len(self.parts)}")
        totals = [map(int, part.wait_for("totals").split()) for part in self.parts]
        return [sum(column) for column in zip(*totals)]


def spent(device, seconds):
    """Processor seconds in so many seconds."""
    before = device.cpu_s()
    device.lives_for(seconds)
    return device.cpu_s() - before


def watch(rounds, durable, peers, queues, handles, options):
    """{figure: value} of one device with such a crowd."""
    with rounds.device(durable) as device:
        empty = device.resident_mb()
        with Crowd(rounds, device, peers, queues, handles) as crowd:
            device.lives_for(options.settle)  # until everyone has beaten
            per = peers if queues == 1 else queues
            figures = {"idle, resident": ((device.resident_mb() - empty) * 1e3 / per, "KB"),
                       "idle, processor": (spent(device, options.seconds) / options.seconds / per
                                           * 1e6, "µs/s")}
            senders = peers // 2 if queues == 1 else queues
            before = crowd.rate(senders)
            used = spent(device, options.seconds)
            after = crowd.rate(0)
            sent, confirmed, handled = (new - old for new, old in zip(after, before))
            if min(confirmed, handled) < 0.9 * senders * options.seconds:
                report.say(f"  it fell behind: {sent:,} sent, {confirmed:,} confirmed,"
                           f" {handled:,} handled in {options.seconds} s")
            figures["busy, resident"] = ((device.resident_mb() - empty) * 1e3 / per, "KB")
            figures["busy, processor"] = (used / handled * 1e6, "µs a message")
            return figures


def compare(out, rounds, durable, what, crowds, options):
    """`crowds`: {how many: (peers, queues, handles)}."""
    kind = "durable" if durable else "in memory"
    measured = {}
    for size, crowd in crowds.items():
        report.say(f"{kind}: {size:,} {what}s")
        measured[size] = watch(rounds, durable, *crowd, options)
        for name, (value, unit) in measured[size].items():
            bar = IDLE_PEER_KB if (what, name) == ("peer", "idle, resident") else None
            of = "" if unit.endswith("message") else f" a {what}"
            out.add(f"{kind}: {size:,} {what}s {name}", value, unit + of, bar)
    few, many = measured.values()
    for name in few:
        bar = None if name == "busy, processor" else LINEAR
        out.add(f"{kind}: {what}s {name}, many / few", many[name][0] / few[name][0], "×", bar)


def run(out, options, folder):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rounds = Rounds(options.build, folder)
    for durable in (False, True):
        compare(out, rounds, durable, "peer", {size: (size, 1, 1) for size in options.sizes},
                options)
        compare(out, rounds, durable, "queue",
                {size: (2 * size // HANDLES, size, HANDLES) for size in options.sizes}, options)


def main():
    options = report.parser(__doc__)
    options.add_argument("--seconds", type=int, default=20, help="to watch each (20)")
    options = options.parse_args()
    options.sizes, options.settle = SIZES, 3
    if options.quick:
        options.sizes, options.seconds = (200, 2_000), 4
    return report.main("many", run, options)


if __name__ == "__main__":
    sys.exit(main())
