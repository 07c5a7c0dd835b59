# SPDX-License-Identifier: Apache-2.0
"""Faults of processes, and what a fault is. Each is a generator: what is before its `yield` begins
it, the seconds and the words that it yields say how long it lasts and what it is done to, and what
is after it ends it, whatever happens in the meantime."""

import dataclasses
import signal
from typing import Callable

import harness


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    group: str  # two faults at once are of two groups
    act: Callable
    why_not: Callable = lambda torture: None  # why this machine does not allow it


def short(torture, luck):
    return torture.LEASE_S * luck.uniform(0.1, 0.5)


def longer_than_a_lease(torture, luck):
    return torture.LEASE_S * luck.uniform(1.1, 1.8) + torture.MARGIN_S


def device_killed(torture, luck):
    torture.kill_device()
    try:
        yield luck.choice((0.0, short(torture, luck), longer_than_a_lease(torture, luck))), "down"
    finally:
        torture.want_device()


def alive(choose, torture, luck):
    return harness.wait_until(
        lambda: (processes := [p for p in choose(torture) if p is not None and p.poll() is None])
        and luck.choice(processes), "somebody who lives")


def freeze(choose, torture, luck):
    """One that stands still for sure: a worker may be killed by its message at that very moment."""
    while True:
        with torture.lock:  # or it would be buried before it is looked at
            process = alive(choose, torture, luck)
            process.signal(signal.SIGSTOP)
            state = harness.wait_until(
                lambda: (found := harness.stat_fields(process.pid)[0]) in "TZ" and found, "a stop",
                5)
        if state == "T":
            return process


def stopped(choose, span):
    def act(torture, luck):
        process = freeze(choose, torture, luck)
        try:
            yield span(torture, luck), process.name
        finally:
            process.thaw()
            if process.name == "device":
                torture.log("hub_stood_still")
    return act


def killed(choose):
    def act(torture, luck):
        process = alive(choose, torture, luck)
        process.kill()
        yield 0.0, process.name
    return act


def the_device(torture):
    return [torture.device.process]


def workers(torture):
    return [slot.process for slot in [*torture.workers, torture.undertaker]] + [
        torture.lines.worker]


def producers(torture):
    return [slot.process for slot in torture.producers] + [torture.lines.sender]


PROCESSES = [
    Fault("device killed", "device", device_killed),
    Fault("device stopped for less than a lease", "device", stopped(the_device, short)),
    Fault("device stopped for more", "device", stopped(the_device, longer_than_a_lease)),
    Fault("worker killed", "worker", killed(workers)),
    Fault("worker stopped for less than a lease", "worker", stopped(workers, short)),
    Fault("worker stopped for more", "worker", stopped(workers, longer_than_a_lease)),
    Fault("producer killed", "producer", killed(producers)),
    Fault("producer stopped for less than a lease", "producer", stopped(producers, short)),
    Fault("producer stopped for more", "producer", stopped(producers, longer_than_a_lease)),
]
