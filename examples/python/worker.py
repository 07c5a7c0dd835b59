#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""worker.py ENDPOINT QUEUE [--count N]: prints each message, then acks it; ends after N acks."""
import collections, signal, sys, time

import msgpack, zmq  # nothing else: PAWL/1 by hand, as docs/protocol.md has it

HELLO, WELCOME, OPEN, OPENED, CREDIT, DELIVER, SETTLE, SETTLED = 1, 2, 3, 4, 8, 9, 10, 11
BEAT, ERROR, GOAWAY, BYE = 12, 16, 17, 18
PREFETCH, ANY_SIZE = 16, 1 << 40  # 16 messages are at most 16 MiB
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ends with its reader, and acks nothing unread
match sys.argv[1:]:
    case [endpoint, queue]:
        left = float("inf")  # to be acked
    case [endpoint, queue, "--count", number] if number.isdecimal():
        left = int(number)
    case _:
        print("usage:", __doc__, file=sys.stderr)
        sys.exit(2)


def serve(hub):
    """Until all is acked, or the hub is lost: others get what we had when its lease runs out."""
    global left
    def say(command, fields):
        hub.send(msgpack.packb([1, command, fields]))

    say(HELLO, {0: [1], 1: "worker.py", 4: 1})  # one slot: one message is begun at a time
    heard = ours_since = beat_sent = time.monotonic()
    ready, lease, beat = collections.deque(), 10.0, float("inf")
    beats, got, settles, settled = 0, 0, 0, 0
    while left > 0 and time.monotonic() < heard + lease:
        may_begin = ready and left > settles - settled
        if hub.poll(0 if may_begin else 50):
            header, *chunks = hub.recv_multipart()
            _, command, fields = msgpack.unpackb(header, strict_map_key=False)
            heard = time.monotonic()
            if command == WELCOME:
                lease, beat = fields[5] / 1000, fields[6] / 1000
                say(OPEN, {0: 1, 1: queue, 2: 2})  # as a worker
            elif command == OPENED:
                say(CREDIT, {0: 1, 1: PREFETCH, 2: ANY_SIZE})
            elif command == DELIVER:
                got = fields[1]
                unpacker = msgpack.Unpacker(raw=True, strict_map_key=False, max_buffer_size=0)
                for chunk in chunks:  # together they hold the messages of the rows, in order
                    unpacker.feed(chunk)
                for lane, offset, count, *_ in fields[3]:
                    for at, (_meta, body) in zip(range(offset, offset + count), unpacker):
                        ready.append((fields[2], lane, at, body))
            elif command == BEAT and fields.get(1) == beats:  # our last one has come back
                ours_since = beat_sent
            elif command == SETTLED:
                left -= fields[1] - settled - len(fields.get(2, []))  # what is stale is not done
                settled = fields[1]
            elif command == ERROR and fields[0] not in (202, 203, 304):
                sys.exit(f"the hub refused ({fields[0]}): {fields.get(1, '')}")
            elif command in (ERROR, GOAWAY):
                return hub.poll(100)  # a moment for the hub, then a new connection
        elif may_begin and time.monotonic() < ours_since + lease:  # else it may be another's (G2)
            lease_id, lane, offset, body = ready.popleft()
            sys.stdout.buffer.write(body + b"\n")
            sys.stdout.buffer.flush()
            settles += 1
            say(SETTLE, {0: 1, 1: settles, 2: [[1, lease_id, lane, offset, 1]]})  # ack
            say(CREDIT, {0: 1, 1: PREFETCH + settles, 2: ANY_SIZE})
        if time.monotonic() >= beat_sent + beat:
            beats, beat_sent = beats + 1, time.monotonic()
            say(BEAT, {0: beats, 2: got, 3: settled})
    say(BYE, {})  # what was prefetched beyond N goes to others at once


while left > 0:  # a new socket each time: the name is resolved anew
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger, dealer.sndtimeo = 500, 5000
        dealer.connect(endpoint)
        serve(dealer)
