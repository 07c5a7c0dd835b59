#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""producer.py ENDPOINT QUEUE < lines: each is a message; ends with 0 when all are confirmed."""
import sys, time, uuid

import msgpack, zmq  # nothing else: PAWL/1 by hand, as docs/protocol.md has it

HELLO, WELCOME, OPEN, OPENED, SEND, CONFIRM, REFUSE, CREDIT = 1, 2, 3, 4, 5, 6, 7, 8
BEAT, ERROR, GOAWAY, BYE = 12, 16, 17, 18
if len(sys.argv) != 3:
    print("usage:", __doc__, file=sys.stderr)
    sys.exit(2)
entries = [msgpack.packb([None, line.removesuffix(b"\n")]) for line in sys.stdin.buffer]
for number, entry in enumerate(entries, 1):
    if len(entry) > (1 << 20) + 7:  # of array, nil and bin32
        sys.exit(f"line {number} is over 1 MiB: nothing was sent")
source, answered, floor = uuid.uuid4().hex, set(), 1  # what is below the floor is answered


def serve(hub):
    """Until everything is confirmed, or the hub is lost: a new connection then sends the rest."""
    global floor
    def say(command, fields, *frames):
        hub.send_multipart([msgpack.packb([1, command, fields]), *frames])

    say(HELLO, {0: [1], 1: "producer.py"})
    heard, beat, beat_at, resume_at = time.monotonic(), 2.0, float("inf"), 0.0
    epoch, beats, next_seq, used, credit = 0, 0, floor, [0, 0], [0, 0]
    while floor <= len(entries) and time.monotonic() < heard + 5 * beat:
        if hub.poll(50):
            _, command, fields = msgpack.unpackb(hub.recv_multipart()[0], strict_map_key=False)
            heard = time.monotonic()
            if command == WELCOME:
                beat, beat_at = fields[6] / 1000, heard
                say(OPEN, {0: 1, 1: sys.argv[2], 2: 1, 4: source, 5: True})  # as a producer
            elif command == OPENED:
                epoch = fields[1]
            elif command == CREDIT:
                credit = [fields[1], fields[2]]
            elif command == CONFIRM:
                for first, length, *_ in fields[2]:
                    answered.update(range(first, first + length))
                while floor in answered:
                    floor += 1
            elif command == REFUSE:
                for first, _, code, text, retry_after in fields[1]:
                    if not 200 <= code < 300:
                        sys.exit(f"line {first} was refused ({code}): {text}")
                    next_seq, resume_at = min(next_seq, first), heard + retry_after / 1000
            elif command == ERROR and fields[0] not in (202, 203, 304):
                sys.exit(f"the hub refused ({fields[0]}): {fields.get(1, '')}")
            elif command in (ERROR, GOAWAY):
                return hub.poll(100)  # a moment for the hub, then a new connection
        while (next_seq <= len(entries) and time.monotonic() >= resume_at
               and used[0] < credit[0] and used[1] < credit[1]):
            entry = entries[next_seq - 1]  # a chunk of one; up to 128 KiB in one would be faster
            say(SEND, {0: [[1, epoch, floor, next_seq, 1]]}, entry)
            next_seq, used = next_seq + 1, [used[0] + 1, used[1] + len(entry)]
        if time.monotonic() >= beat_at:
            beats, beat_at = beats + 1, time.monotonic() + beat
            say(BEAT, {0: beats})
    say(BYE, {})


while floor <= len(entries):  # a new socket each time: the name is resolved anew
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger, dealer.sndtimeo = 500, 5000
        dealer.connect(sys.argv[1])
        serve(dealer)
