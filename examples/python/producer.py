#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""producer.py ENDPOINT QUEUE < lines: sends each line as a message and ends with 0 when the hub has
confirmed them all. PAWL/1 by hand (docs/protocol.md), on pyzmq and msgpack alone."""
import sys, time, uuid

import msgpack, zmq

WELCOME, OPENED, CONFIRM, REFUSE, CREDIT, BEAT, ERROR, GOAWAY = 2, 4, 6, 7, 8, 12, 16, 17
endpoint, queue = sys.argv[1:]
lines = sys.stdin.buffer.read().removesuffix(b"\n").split(b"\n")
unanswered = {seq: msgpack.packb([None, line]) for seq, line in enumerate(lines, 1)}  # ascending
source, epoch, token = uuid.uuid4().hex, 0, None  # whose sequence it is; the hub gives the others


def serve(socket):
    """Until everything is confirmed, or the hub is lost: a new connection then sends the rest."""
    global epoch, token
    beat, number, echo, next_seq, used, credit, resume_at = 2.0, 0, 0, None, [0, 0], [0, 0], 0.0

    def say(command, fields, *frames):
        socket.send_multipart([msgpack.packb([1, command, fields]), *frames])

    say(1, {0: [1], 1: "producer.py", 2: token})  # HELLO
    heard = beat_at = time.monotonic()
    while unanswered:
        ready = socket.poll(50)
        now = time.monotonic()
        if ready:
            heard = now
            _, command, fields = msgpack.unpackb(socket.recv_multipart()[0], strict_map_key=False)
            if command == WELCOME:
                token, beat = fields[3], fields[6] / 1000
                say(3, {0: 1, 1: queue, 2: 1, 4: source, 5: True, 6: epoch})  # OPEN, as a producer
            elif command == OPENED:
                epoch, next_seq = fields[1], 1
            elif command == CREDIT:
                credit = [fields[1], fields[2]]
            elif command == BEAT:
                echo = fields[0]
            elif command == CONFIRM:
                for first, length, *_ in fields[2]:
                    for seq in range(first, first + length):
                        unanswered.pop(seq, None)
            elif command == REFUSE:
                for first, _, code, text, retry_after in fields[1]:
                    if not 200 <= code < 300:
                        sys.exit(f"line {first} was refused ({code}): {text}")
                    next_seq, resume_at = min(next_seq, first), now + retry_after / 1000
            elif command == GOAWAY or command == ERROR and fields[0] in (202, 203, 304):
                return
            elif command == ERROR:
                sys.exit(f"the hub refused ({fields[0]}): {fields.get(1, '')}")
        while next_seq and now >= resume_at and unanswered:  # SEND, as far as the credit goes
            while next_seq <= len(lines) and next_seq not in unanswered:
                next_seq += 1  # was answered before
            first, chunk = next_seq, b""
            while (entry := unanswered.get(next_seq)) and next_seq - first < min(
                    4096, credit[0] - used[0]) and used[1] + len(chunk) < credit[1] and (
                    not chunk or len(chunk) + len(entry) <= 131072):
                chunk, next_seq = chunk + entry, next_seq + 1
            if not chunk:
                break
            say(5, {0: [[1, epoch, next(iter(unanswered)), first, next_seq - first]]}, chunk)
            used = [used[0] + next_seq - first, used[1] + len(chunk)]
        if now - heard > 5 * beat:
            return
        if next_seq and now >= beat_at:
            number, beat_at = number + 1, now + beat
            say(12, {0: number, 1: echo})
    say(18, {})  # BYE


while unanswered:  # a new socket each time: the name is resolved anew
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger, dealer.sndtimeo = 500, 5000
        dealer.connect(endpoint)
        serve(dealer)
