#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets, made from tests/vectors and the manual, one file each.

make_seeds.py FOLDER    fills FOLDER/TARGET for every target
"""

import json
import os
import random
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEED_BYTES_MAX = 64 * 1024  # longer ones only slow the fuzzer down
STORIES = 24

CONFIG = """[hub]
lease = "10s"
beat = "2s"
margin = "250ms"
memory_bytes_max = "1GiB"
[defaults]
max_attempts = 7
dead_letter = "all.dead"
[queue.orders]
max_attempts = 3
backoff = { initial = "50ms", factor = 2.0, max = "1s", jitter = 0.1 }
dead_letter = "orders.dead"
max_messages = 1000
max_bytes = "64MiB"
overflow = "refuse"
message_bytes_max = "64KiB"
handler_timeout = "5m"
handouts_max = 9
"""


def vectors(stem):
    """(bytes, vector) of every vector of a file, valid or not."""
    with open(os.path.join(ROOT, "tests", "vectors", stem + ".json"), encoding="utf-8") as file:
        groups = json.load(file)
    for group in groups.values():
        for vector in group:
            parts = vector.get("bytes") or [[vector["hex"], 1]]
            data = b"".join(bytes.fromhex(once) * times for once, times in parts)
            if len(data) <= SEED_BYTES_MAX:
                yield data, vector


def headers():
    return [data for data, _ in vectors("headers")]


def chunks():
    return [vector.get("count", 1).to_bytes(2, "big") + b"\0" + data
            for data, vector in vectors("chunks")]


def metas():
    return [b"\x03" + data for data, _ in vectors("metas")]


def raw_story(prefix=b""):
    """Each header as a peer's or hub's own bytes: action, length, header (tests/fuzz/hub.cpp)."""
    return [prefix + b"\x0f\0" + bytes([len(data)]) + data for data in headers() if len(data) < 256]


def stories(seed, first):
    """Bytes that are actions: nothing but a start for the fuzzer, the same on each run."""
    luck = random.Random(seed)
    return [first + luck.randbytes(luck.choice((40, 200, 800))) for _ in range(STORIES)]


def rows():
    hub = b"\x01" + b"\x11" * 16 + b"\x03\x04boot" + b"\0\x05\x06"
    values = [b"\0" * 12, b"\1" * 12, bytes(range(1, 40)), hub]
    return [bytes([kind]) + value for kind in range(8) for value in values]


def configs():
    with open(os.path.join(ROOT, "tests", "unit", "config_test.cpp"), encoding="utf-8") as file:
        tested = re.findall(r'"((?:\\n|\\"|[^"\\\n])*=(?:\\n|\\"|[^"\\\n])*)"', file.read())
    plain = [text.replace("\\n", "\n").replace('\\"', '"') for text in tested]
    return [text.encode() for text in [CONFIG, *plain]]


def lines():
    return [b"\n\x10" + text for text in (b"", b"a\nbc\n", b"\n\n", b"x" * 40 + b"\ny", b"no end")]


def stat_replies():
    queue = b"\x83\xa4name\xa1q\xa5ready\x05\xb2oldest_ready_age_s\xcb\x3f\xf8\0\0\0\0\0\0"
    return [b"\x82\xa6device\x81\xaadurability\xa6memory\xa6queues\x92" + 2 * queue,
            b"\x81\xa6queues\x90", b"\x81\xa6queues\x91\x80",
            # A name that no QUERY for the next page could hold.
            b"\x81\xa6queues\x91\x81\xa4name\xdb" + (70_000).to_bytes(4, "big") + b"q" * 70_000]


TARGETS = {
    "header": headers,
    "chunk": chunks,
    "meta": metas,
    "records": rows,
    "hub": lambda: raw_story() + stories("hub", b""),
    "recovery": lambda: stories("good rows", b"\0") + stories("any rows", b"\1"),
    "producer": lambda: raw_story(b"\0\0\0\0") + stories("producer", b"\0\0\0\0"),
    "worker": lambda: raw_story() + stories("worker", b""),
    "config": configs,
    "message_reader": lines,
    "stat_reply": stat_replies,
}


def main():
    for target, make in TARGETS.items():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for number, seed in enumerate(make()):
            with open(os.path.join(folder, f"{number:03}"), "wb") as file:
                file.write(seed)


if __name__ == "__main__":
    main()
