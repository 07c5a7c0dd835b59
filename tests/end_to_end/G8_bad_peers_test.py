#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad peers, from raw sockets. During each attack a producer and a worker go on; the device neither
ends, nor stalls, nor grows without bound, and afterwards the counters add up."""

import contextlib
import random
import socket
import struct
import time

import harness
import msgpack
import zmq
import zmtp

# The watch's budget here. It looks every 50 ms while the device is awake or its memory grows, else
# every 500; a stranger sends 250 to 750 MB a second.
RESIDENT_MAX = (1000 if harness.SANITIZED else 256) << 20
RSS_MAX = (3000 if harness.SANITIZED else 600) << 20
CONFIG = harness.TIMING.replace("[defaults]", f"resident_bytes_max = {RESIDENT_MAX}\n[defaults]")
STALL_MAX_S = 30.0 if harness.SANITIZED else 5.0

HELLO, OPEN, SEND, CREDIT, SETTLE, BEAT, QUERY, ERROR, BYE = 1, 3, 5, 8, 10, 12, 14, 16, 18


def header(command, fields, version=1):
    return msgpack.packb([version, command, fields])


class BadPeers(harness.World):
    def setUp(self):
        super().setUp()
        self.luck = random.Random(11)
        self.victim = self.device(config=CONFIG).start()
        self.good = self.sender(self.victim, "good", "--count", 10_000_000, "--pause-ms", 2,
                                "--how", "wait", "--name", "good")
        self.taker = self.worker(self.victim, "good")
        self.progress(3)
        self.highest = self.victim.process.rss()

    def progress(self, messages=20, deadline_s=STALL_MAX_S):
        """The good pair gets on by so many messages, soon."""
        sent, taken = self.good.board.confirmed, self.taker.board.finished
        begun = time.monotonic()
        harness.wait_until(lambda: self.good.board.confirmed >= sent + messages
                           and self.taker.board.finished >= taken + messages,
                           "progress of the good pair", deadline_s + harness.DEADLINE_S)
        took = time.monotonic() - begun
        self.highest_rss()
        return took

    def highest_rss(self):
        self.assertIsNone(self.victim.process.poll(), "the device ended")
        self.highest = max(getattr(self, "highest", 0), self.victim.process.rss())
        return self.highest

    def tearDown(self):
        if self.has_failed():
            return
        took = self.progress(50)
        self.good.kill()
        row = self.victim.wait_row("good", lambda row: row["accepted"] == row["acked"], "all acked")
        harness.report(rss_mb=self.highest >> 20, good=row["acked"], last_50_took_s=round(took, 2))
        self.assertLess(took, STALL_MAX_S)
        self.assertLess(self.highest, RSS_MAX)
        self.assert_adds_up(row)
        self.finish(self.taker)
        done = [m.group(1) for m in self.taker.found("^end (.*)")]
        confirmed = {m.group(1) for m in self.good.found(r"^confirmed (\S+)")}
        self.assertLessEqual(confirmed, set(done))
        self.assertEqual(len(done), len(set(done)), "none twice")

    @contextlib.contextmanager
    def asker(self, hello=True):
        with zmq.Context.instance().socket(zmq.DEALER) as dealer:
            dealer.linger, dealer.sndtimeo, dealer.sndhwm, dealer.rcvhwm = 0, 200, 1000, 100_000
            dealer.connect(self.victim.endpoint)
            if hello:
                dealer.send(header(HELLO, {0: [1], 1: "stranger", 4: 4}))
                dealer.poll(20_000)
                self.assertEqual(msgpack.unpackb(dealer.recv_multipart()[0],
                                                 strict_map_key=False)[1], 2)
            yield dealer

    def say(self, dealer, *frames):
        """False if the device does not read any more, which is its right."""
        try:
            dealer.send_multipart(frames)
            return True
        except zmq.Again:
            return False

    def answers(self, dealer, wait_ms=2000):
        got = []
        while dealer.poll(wait_ms if not got else 100):
            got.append(msgpack.unpackb(dealer.recv_multipart()[0], strict_map_key=False))
        return got

    def test_G8_bytes_that_are_no_zmtp(self):
        for i in range(300):
            with zmtp.connect(self.victim.port) as raw:
                with contextlib.suppress(OSError):
                    if i % 3 == 0:
                        raw.sendall(self.luck.randbytes(self.luck.randrange(1, 4000)))
                    elif i % 3 == 1:
                        raw.sendall(zmtp.GREETING[:self.luck.randrange(1, 64)])
                    else:
                        raw.sendall(zmtp.GREETING + self.luck.randbytes(200))
        self.progress()

    def test_G8_frames_that_are_no_pawl(self):
        rounds = 0
        with self.asker(hello=False) as dealer:
            for _ in range(3000):
                frames = [self.luck.randbytes(self.luck.randrange(0, 300))
                          for _ in range(self.luck.randrange(1, 5))]
                rounds += self.say(dealer, *frames)
        # Good headers with some bytes changed, cut short or made longer.
        samples = [header(HELLO, {0: [1], 1: "x"}), header(OPEN, {0: 1, 1: "good", 2: 2}),
                   header(SEND, {0: [[1, 1, 1, 1, 1]]}), header(CREDIT, {0: 1, 1: 9, 2: 9}),
                   header(SETTLE, {0: 1, 1: 1, 2: [[1, 1, 0, 0, 1]]}), header(BEAT, {0: 1, 1: 1}),
                   header(QUERY, {0: 1, 1: "stat"})]
        with self.asker() as dealer:
            for _ in range(3000):
                bad = bytearray(self.luck.choice(samples))
                for _ in range(self.luck.randrange(1, 4)):
                    bad[self.luck.randrange(len(bad))] = self.luck.randrange(256)
                cut = self.luck.randrange(len(bad)) if self.luck.random() < 0.3 else len(bad)
                rounds += self.say(dealer, bytes(bad[:cut]), *[b"\x92\xc0\xc4\x01x"] *
                                   self.luck.randrange(0, 3))
                while dealer.poll(0):
                    dealer.recv_multipart()
        harness.report(rounds=rounds)
        self.progress()

    def test_G8_claims_that_would_allocate_are_refused_before_anything_is_reserved(self):
        bombs = [b"\x93\x01\x01\xdf\xff\xff\xff\xff", b"\xdd\x7f\xff\xff\xff",
                 b"\x93\x01\x01\x81\x00\xdd\x7f\xff\xff\xff",
                 b"\x93\x01\x01\x81\x01\xdb\xff\xff\xff\xff",
                 b"\x93\x01\x05\x81\x00\xdd\x00\x00\x04\x00", b"\x91" * 60_000,
                 header(HELLO, {0: [1], 6: [[1, 1, 0, i, 1] for i in range(1025)]}),
                 header(HELLO, {0: [9, 10]}), header(HELLO, {0: [1]}, version=2),
                 header(999, {}), header(HELLO, {63: 1, 0: [1]}), b"\xc1" * 60_000]
        with self.asker() as dealer:
            before = self.victim.process.rss()
            for bomb in bombs * 50:
                self.say(dealer, bomb)
            codes = {answer[2][0] for answer in self.answers(dealer) if answer[1] == ERROR}
            harness.report(codes=sorted(codes))
            self.assertLessEqual({100, 101}, codes)
            self.assertLess(self.victim.process.rss() - before, RSS_MAX // 8)
        self.progress()

    def test_G8_what_is_over_a_limit_is_told_so(self):
        too_many = [header(SEND, {0: [[1, 1, i, 1, 1] for i in range(17)]})] + [b"x"] * 17
        too_long = [header(HELLO, {0: [1], 64: b"x" * 70_000})]
        for message, code in ((too_many, 100), (too_long, 102), ([b""], 100)):
            with self.asker() as dealer:
                self.say(dealer, *message)
                self.assertEqual([answer[2][0] for answer in self.answers(dealer)], [code])
        self.progress()

    def test_G8_truncated_frames_and_connections_that_end_in_them(self):
        for i in range(200):
            raw = zmtp.dealer(self.victim.port)
            if raw is None:
                continue
            with raw, contextlib.suppress(OSError):
                size = (1 << 20, 100, 2 ** 63 - 1, 5000)[i % 4]
                raw.sendall(zmtp.frame(b"x" * 50, zmtp.MORE if i % 2 else 0, size))
                if i % 5 == 0:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.progress()

    def test_G8_a_message_of_endless_parts_grows_it_to_a_bound(self):
        raw = zmtp.dealer(self.victim.port)
        part = zmtp.frame(b"y" * 60_000, zmtp.MORE) * 16
        sent = 0
        with raw, contextlib.suppress(OSError):
            raw.settimeout(10)
            until = time.monotonic() + (90 if harness.SANITIZED else 15)
            while time.monotonic() < until and sent < (4 << 30):
                raw.sendall(part)
                sent += len(part)
                self.highest_rss()
        harness.report(sent_mb=sent >> 20, rss_mb=self.highest >> 20)
        self.assertLess(sent, 4 << 30, "nobody stopped it")
        self.victim.process.wait_for("closed and bound anew", lines=self.victim.process.errors)
        self.progress(deadline_s=20)
        harness.wait_until(lambda: self.victim.process.rss() < RESIDENT_MAX, "memory given back")

    def test_G8_hostile_routing_ids(self):
        # What an unseeded rand() would give libzmq as its first automatic id, and those around it.
        numbers = [1804289383 + i for i in range(-3, 400)]
        numbers += [self.luck.randrange(2 ** 32) for _ in range(200)]
        ids = [b"\0" + struct.pack(">I", number % 2 ** 32) for number in numbers]
        ids += [b"\0", b"\0" * 5, b"\0" * 255, b"same", b"same", b"same", b"\xff" * 255]
        open_ones = [raw for raw in (zmtp.dealer(self.victim.port, i) for i in ids) if raw]
        for raw in open_ones:
            with contextlib.suppress(OSError):
                raw.sendall(zmtp.frame(header(HELLO, {0: [1], 1: "hostile"})))
        with self.asker():
            self.progress()
        for raw in open_ones:
            raw.close()
        harness.report(connections=len(open_ones))
        self.progress()

    def test_G8_a_flood_of_hellos(self):
        with self.asker() as dealer:
            sent = sum(self.say(dealer, header(HELLO, {0: [1], 1: "flood"}))
                       for _ in range(20_000))
            self.progress()
        held = [[1, 1 + i, 0, i, 1] for i in range(1024)]
        for i in range(300):
            with self.asker(hello=False) as dealer:
                dealer.linger = 200
                sent += self.say(dealer, header(HELLO, {0: [1], 1: f"p{i}", 2: bytes(16), 6: held}))
        harness.report(hellos=sent)
        self.progress()

    def test_G8_thousands_of_connects(self):
        raws = []
        with contextlib.suppress(OSError):
            for _ in range(3000):
                raws.append(zmtp.connect(self.victim.port))
        self.progress()
        for raw in raws:
            raw.close()
        for _ in range(3000):
            zmtp.connect(self.victim.port).close()
        harness.report(connects=len(raws) + 3000)
        self.progress()

    def test_G8_sends_beyond_credit_and_absurd_sequences(self):
        with self.asker() as dealer:
            self.say(dealer, header(OPEN, {0: 1, 1: "absurd", 2: 1, 4: "absurd", 5: True}))
            epoch = next(a for a in self.answers(dealer) if a[1] == 4)[2].get(1, 0)
            chunk = b"\x92\xc0\xc5\xea\x60" + b"z" * 60_000
            top = 2 ** 63 - 2
            refused = 0
            for floor, seq, count in ((1, top, 1), (top, top, 1), (1, 1, 4096), (0, 0, 0),
                                      (5, 4, 1)):
                self.say(dealer, header(SEND, {0: [[1, epoch, floor, seq, count]]}), chunk)
            # Another producer, since the floor of the first is at the top by now: all below it is a
            # duplicate. Every second sequence is a range each, and the 65th is refused.
            self.say(dealer, header(OPEN, {0: 2, 1: "gaps", 2: 1, 4: "gaps", 5: True}))
            answers = self.answers(dealer)
            epoch = next(a for a in answers if a[1] == 4 and a[2][0] == 2)[2].get(1, 0)
            for seq in range(1, 3000, 2):
                self.say(dealer, header(SEND, {0: [[2, epoch, 1, seq, 1]]}), chunk)
                while dealer.poll(0):
                    answer = msgpack.unpackb(dealer.recv_multipart()[0], strict_map_key=False)
                    refused += answer[1] in (7, ERROR)
            # Answers wait for the commits of what was taken: silence is not yet their end.
            while refused <= 100 and dealer.poll(20_000):
                answer = msgpack.unpackb(dealer.recv_multipart()[0], strict_map_key=False)
                refused += answer[1] in (7, ERROR)
            harness.report(refusals=refused)
            self.assertGreater(refused, 100)
        self.progress()

    def test_G8_absurd_settles_and_credits(self):
        self.send(self.victim, "absurd", [f"m{i}" for i in range(100)])
        top = 2 ** 63 - 2
        with self.asker() as dealer:
            self.say(dealer, header(OPEN, {0: 1, 1: "absurd", 2: 2}))
            self.say(dealer, header(CREDIT, {0: 1, 1: 2 ** 63 - 1, 2: 2 ** 63 - 1}))
            delivers = [a for a in self.answers(dealer) if a[1] == 9]
            lease = delivers[0][2][2]
            rows = [[1, lease, 0, 0, top], [2, lease, 0, 50, top - 50, 10 ** 18, "x" * 2000],
                    [1, 1, 0, 0, 5], [1, lease, 7, 0, 1], [5, lease, 0, top, 1],
                    [4, lease, 0, 99, 9], [9, lease, 0, 0, 1], [1, lease, 0, 100, 1000]]
            for number, row in enumerate(rows, 1):
                self.say(dealer, header(SETTLE, {0: 1, 1: number, 2: [row]}))
                self.say(dealer, header(SETTLE, {0: 1, 1: top, 2: [row] * 1024}))
                self.say(dealer, header(BEAT, {0: top, 1: top, 2: top, 3: top}))
            self.answers(dealer)
            self.say(dealer, header(BYE, {}))
            self.answers(dealer)
        row = self.victim.wait_row("absurd", lambda row: row["leased"] == 0, "nothing leased")
        self.assertEqual(row["accepted"], 100)
        self.assert_adds_up(row)
        self.progress()

    def test_G8_a_peer_that_asks_and_never_reads(self):
        self.send(self.victim, "deaf", ["d" * 10_000] * 5000)
        raw = zmtp.dealer(self.victim.port)
        with raw:
            for message in (header(HELLO, {0: [1], 1: "deaf"}),
                            header(OPEN, {0: 1, 1: "deaf", 2: 2}),
                            header(CREDIT, {0: 1, 1: 2 ** 60, 2: 2 ** 60})):
                raw.sendall(zmtp.frame(message))
            self.progress()
            raw.settimeout(2)
            with contextlib.suppress(OSError):
                for i in range(200_000):
                    raw.sendall(zmtp.frame(header(QUERY, {0: i, 1: "stat"})))
                    if i % 10_000 == 0:
                        self.highest_rss()
            self.progress()
        self.progress()


class BadPeersAlone(harness.World):
    def test_G8_endless_parts_grow_a_device_that_nothing_else_wakes_to_a_bound(self):
        victim = self.device(config=CONFIG).start()
        part = zmtp.frame(b"y", zmtp.MORE) * 20_000  # each part costs a hub far more than its bytes
        raws = [zmtp.dealer(victim.port) for _ in range(4)]
        highest = 0
        until = time.monotonic() + (120 if harness.SANITIZED else 30)
        while not any("closed and bound anew" in line for line in victim.process.errors):
            self.assertLess(time.monotonic(), until, "nobody stopped it")
            for raw in raws:
                with contextlib.suppress(OSError):
                    raw.settimeout(0.1)
                    raw.sendall(part)
            highest = max(highest, victim.process.rss())
        for raw in raws:
            raw.close()
        harness.report(rss_mb=highest >> 20)
        self.assertLess(highest, RSS_MAX)


if __name__ == "__main__":
    harness.main()
