#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""worker.py ENDPOINT QUEUE [--count N]: prints each message's body and a newline, then acks it, and
ends after N. PAWL/1 by hand (docs/protocol.md), on pyzmq and msgpack alone."""
import collections, sys, time

import msgpack, zmq

WELCOME, OPENED, DELIVER, SETTLED, BEAT, ERROR, GOAWAY = 2, 4, 9, 11, 12, 16, 17
endpoint, queue, *option = sys.argv[1:]
left = int(option[1]) if option[:1] == ["--count"] else float("inf")
token, got, settles, settled = None, 0, 0, 0  # of the session, which outlives connections


def entries_of(chunk):
    """Of each entry its body, and how many bytes of credit it took."""
    unpacker, end = msgpack.Unpacker(raw=True, strict_map_key=False, max_buffer_size=0), 0
    unpacker.feed(chunk)
    for _meta, body in unpacker:
        begin, end = end, unpacker.tell()
        yield body, end - begin


def serve(socket):
    """Until all is done and answered, or the hub is lost: what was not begun is then given up."""
    global token, got, settles, settled, left
    todo, credit, opened = collections.deque(), [16, 1 << 20], False  # 16 are prefetched
    lease, beat, number, echo, beat_sent = 10.0, 2.0, 0, 0, 0.0

    def say(command, fields):
        socket.send(msgpack.packb([1, command, fields]))

    say(1, {0: [1], 1: "worker.py", 2: token, 4: 1, 5: got})  # HELLO; nothing is held
    heard = ours_since = time.monotonic()
    while left or settled < settles:
        ready = socket.poll(0 if todo and left else 50)
        now = time.monotonic()
        if ready:
            heard = now
            header, *chunks = socket.recv_multipart()
            _, command, fields = msgpack.unpackb(header, strict_map_key=False)
            if command == WELCOME:
                token, lease, beat = fields[3], fields[5] / 1000, fields[6] / 1000
                if not fields.get(4):
                    got = settles = settled = 0  # a new session, whose numbers begin at 1
                say(3, {0: 1, 1: queue, 2: 2})  # OPEN, as a worker
            elif command == OPENED:
                opened = True
                say(8, {0: 1, 1: credit[0], 2: credit[1]})
            elif command == DELIVER:
                got = fields[1]
                for (lane, offset, *_), chunk in zip(fields[3], chunks):
                    for at, (body, size) in enumerate(entries_of(chunk), offset):
                        todo.append((fields[2], lane, at, body, size))
            elif command == BEAT:
                echo = fields[0]
                ours_since = beat_sent if fields.get(1) == number else ours_since
            elif command == SETTLED:
                settled = fields[1]
            elif command == GOAWAY or command == ERROR and fields[0] in (202, 203, 304):
                return
            elif command == ERROR:
                sys.exit(f"the hub refused ({fields[0]}): {fields.get(1, '')}")
        elif todo and left:
            if now >= ours_since + lease:
                return  # it may be somebody else's by now (G2)
            lease_id, lane, offset, body, size = todo.popleft()
            sys.stdout.buffer.write(body + b"\n")
            sys.stdout.buffer.flush()
            left, settles, credit = left - 1, settles + 1, [credit[0] + 1, credit[1] + size]
            say(10, {0: 1, 1: settles, 2: [[1, lease_id, lane, offset, 1]]})  # SETTLE: ack
            say(8, {0: 1, 1: credit[0], 2: credit[1]})
        if now - heard > lease:
            return
        if opened and now >= beat_sent + beat:
            number, beat_sent = number + 1, now
            say(12, {0: number, 1: echo, 2: got, 3: settled})
    say(18, {})  # BYE: what was prefetched beyond N goes to others at once


while left or settled < settles:  # a new socket each time: the name is resolved anew
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger, dealer.sndtimeo = 500, 5000
        dealer.connect(endpoint)
        serve(dealer)
