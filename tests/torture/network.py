# SPDX-License-Identifier: Apache-2.0
"""Faults of the cables between the device and the sides of its peers (ground.py)."""

import json
import subprocess

import ground
from faults import Fault, longer_than_a_lease, short

# Of a station that is not there: what is sent to it is gone, and nobody is told.
NOWHERE = "02:00:00:00:00:01"
FLAPS = 4


def span(torture, luck):
    return luck.choice((short, longer_than_a_lease))(torture, luck)


def partition(torture, luck):
    side = luck.choice(torture.sides)
    ground.run("ip", "link", "set", side.name, "down")
    try:
        yield span(torture, luck), side.name
    finally:
        ground.run("ip", "link", "set", side.name, "up")


def lead_nowhere(run, address, cable):
    run("ip", "neigh", "replace", address, "lladdr", NOWHERE, "dev", cable, "nud", "permanent")


def deaf_device(torture, luck):
    """Nothing arrives at the device from one side."""
    side = luck.choice(torture.sides)
    lead_nowhere(side.run, side.here, "cable")
    try:
        yield span(torture, luck), side.name
    finally:
        side.run("ip", "neigh", "del", side.here, "dev", "cable")


def deaf_peers(torture, luck):
    """Nothing of the device arrives at one side."""
    side = luck.choice(torture.sides)
    lead_nowhere(ground.run, side.there, side.name)
    try:
        yield span(torture, luck), side.name
    finally:
        ground.run("ip", "neigh", "del", side.there, "dev", side.name)


def flapping(torture, luck):
    side = luck.choice(torture.sides)
    try:
        for _ in range(FLAPS):
            ground.run("ip", "link", "set", side.name, "down")
            torture.hold(short(torture, luck) / 2)
            ground.run("ip", "link", "set", side.name, "up")
            torture.hold(short(torture, luck) / 2)
        yield 0.0, side.name
    finally:
        ground.run("ip", "link", "set", side.name, "up")


def dropped(run, cable):
    return sum(discipline.get("drops", 0)
               for discipline in json.loads(run("tc", "-s", "-j", "qdisc", "show", "dev", cable)))


def shaped(*discipline):
    """Both directions of one cable, by a queueing discipline of the kernel."""
    def act(torture, luck):
        side = luck.choice(torture.sides)
        ends = ((ground.run, side.name), (side.run, "cable"))
        for run, cable in ends:
            run("tc", "qdisc", "replace", "dev", cable, "root", *discipline)
        try:
            yield longer_than_a_lease(torture, luck), side.name
        finally:
            for run, cable in ends:
                torture.packets_dropped += dropped(run, cable)
                run("tc", "qdisc", "del", "dev", cable, "root")
    return act


def needs_namespaces(torture):
    return torture.missing


def needs(*discipline):
    def why_not(torture):
        if torture.missing:
            return torture.missing
        side = torture.sides[0]
        tried = subprocess.run(["tc", "qdisc", "replace", "dev", side.name, "root", *discipline],
                               capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            ground.run("tc", "qdisc", "del", "dev", side.name, "root")
            return None
        said = (tried.stderr.strip() or "tc failed").splitlines()[-1]
        return f"this kernel has no {discipline[0]} ({said})"
    return why_not


DELAY = ("netem", "delay", "60ms", "30ms")
LOSS = ("netem", "loss", "15%")
# A link that is too slow for its load: what it sends waits in a queue, for up to half a second, and
# is dropped when that is full. So there is latency and loss where a kernel has no netem.
SLOW = ("tbf", "rate", "400kbit", "burst", "4kb", "latency", "500ms")
NETWORK = [
    Fault("partition, both ways", "network", partition, needs_namespaces),
    Fault("partition, one way to the device", "network", deaf_device, needs_namespaces),
    Fault("partition, one way from the device", "network", deaf_peers, needs_namespaces),
    Fault("link that flaps", "network", flapping, needs_namespaces),
    Fault("latency", "network", shaped(*DELAY), needs(*DELAY)),
    Fault("loss", "network", shaped(*LOSS), needs(*LOSS)),
    Fault("link slower than its load", "network", shaped(*SLOW), needs(*SLOW)),
]
