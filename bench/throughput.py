# SPDX-License-Identifier: Apache-2.0
"""A round of each kind: raw libzmq, a bare file, pawl; peers and devices are processes of their own
on loopback TCP.

A round of raw libzmq ends when the last message was received; one of the bare file with its last
sync; one of pawl when every message was confirmed to its producer and acked by its worker, and the
hub has answered the last ack. Each counts from the first send.
"""

import contextlib
import os
import shutil
import tempfile

from processes import Device, Process

SYNC = 1024  # messages that the bare file syncs at once


def seconds_through(consume, produce):
    """From the first send until all is confirmed and acked; each starts its process when called."""
    with consume() as consumer:
        consumer.wait_for("ready")
        with produce() as producer:
            begun = float(producer.wait_for("first_send"))
            confirmed = float(producer.wait_for("all_confirmed"))
            acked = float(consumer.wait_for("all_acked"))
            producer.finish()
            consumer.finish()
            return max(confirmed, acked) - begun


class Rounds:
    def __init__(self, build, folder, config=None):
        self.build, self.folder, self.config = build, folder, config
        self.raw = os.path.join(build, "bench/bin/bench_raw_peers")

    def peer(self, program, device, count, size, *options, under=(), **more):
        return Process(*under, os.path.join(self.build, f"bench/bin/bench_pawl_{program}"),
                       device.endpoint, count, size, *options, **more)

    @contextlib.contextmanager
    def device(self, durable, under=()):
        folder = tempfile.mkdtemp(dir=self.folder) if durable else None
        try:
            with Device(self.build, folder, self.config, under) as device:
                yield device
        finally:
            if folder:
                shutil.rmtree(folder)

    def raw_direct(self, count, size, pack=1):
        with Process(self.raw, "pull", "tcp://127.0.0.1:*", count, size, "--pack", pack) as pull:
            return self.raw_push(pull, pull.wait_for("bound"), count, size, "--pack", pack)

    def raw_proxy(self, count, size, pack=1):
        with self.proxy() as (front, back), \
                Process(self.raw, "pull", back, count, size, "--pack", pack) as pull:
            return self.raw_push(pull, front, count, size, "--pack", pack)

    @contextlib.contextmanager
    def proxy(self):
        """Where to push and where to pull."""
        with Process(self.raw, "proxy", "-", 0, 0) as proxy:
            yield proxy.wait_for("bound"), proxy.wait_for("bound")

    def raw_push(self, pull, endpoint, count, size, *options):
        with Process(self.raw, "push", endpoint, count, size, *options) as push:
            begun = float(push.wait_for("first_send"))
            ended = float(pull.wait_for("last_receive"))
            push.finish()
            return ended - begun

    def bare_append(self, count, size):
        path = os.path.join(self.folder, "bare")
        try:
            with Process(self.raw, "append", path, count, size, "--pack", SYNC) as append:
                begun = float(append.wait_for("first_send"))
                ended = float(append.wait_for("last_sync"))
                append.finish()
                return ended - begun
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def pawl(self, count, size, durable, produce=(), consume=()):
        """With options of the producing and of the consuming program."""
        with self.device(durable) as device:
            return self.through(device, count, size, produce, consume)

    def through(self, device, count, size, produce=(), consume=()):
        return seconds_through(lambda: self.peer("consume", device, count, size, *consume),
                               lambda: self.peer("produce", device, count, size, *produce))
