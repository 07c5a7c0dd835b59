# SPDX-License-Identifier: Apache-2.0
"""Strangers' connections: more than the device has descriptors for, and thousands a second. How
many and for how long is bounded."""

import collections
import contextlib
import select
import socket
import struct
import time

import harness
import zmtp
from faults import Fault, longer_than_a_lease

FILES_MAX = 512  # of the device
CONNECTS, CONNECTING_S = 4000, 2.0


def connect(torture):
    raw = socket.socket()
    raw.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        raw.connect((torture.address, torture.device.port))
    return raw


def greeted(raws):
    """How many were accepted: libzmq begins to speak at once."""
    poll = select.poll()
    for raw in raws:
        poll.register(raw, select.POLLIN)
    return sum(events == select.POLLIN for _, events in poll.poll(0))


def exhausted(torture, luck):
    """All descriptors are taken, so that accept() fails, and stay so for a while."""
    raws, counts = [], collections.deque(maxlen=10)
    try:
        while len(raws) < FILES_MAX + 200:
            raws.append(connect(torture))

        def accepts_no_more():
            counts.append(greeted(raws))
            return len(counts) == counts.maxlen and counts[0] == counts[-1] > FILES_MAX // 2
        torture.wait(accepts_no_more, lambda: "an accept() that fails; "
                     f"{list(counts)} of {len(raws)} were accepted", 10)
        yield longer_than_a_lease(torture, luck), f"{counts[-1]} of {len(raws)} were accepted"
    finally:
        for raw in raws:
            raw.close()


def storm(torture, luck):
    """Connects, some of which say what no peer would, and go."""
    count, until = 0, time.monotonic() + CONNECTING_S
    while count < CONNECTS and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.socket() as raw:
            raw.settimeout(0.5)
            raw.connect((torture.address, torture.device.port))
            count += 1
            if count % 3 == 0:
                raw.sendall(luck.randbytes(luck.randrange(1, 500)))
            elif count % 3 == 1:
                raw.sendall(zmtp.GREETING[:luck.randrange(1, 64)])
            if count % 2:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    torture.connects += count
    yield 0.0, f"{count} connects"


def why_not_exhausted(torture):
    # It asks the kernel, through a pipe of its own, whether an object can be read.
    return harness.SANITIZED and ("a sanitizer that has no descriptor left takes sound objects "
                                  "for broken ones")


CONNECTIONS = [
    Fault("descriptors exhausted", "connections", exhausted, why_not_exhausted),
    Fault("thousands of connects a second", "connections", storm),
]
