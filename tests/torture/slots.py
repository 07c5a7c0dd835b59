# SPDX-License-Identifier: Apache-2.0
"""Places for peers. Each has one life after the other: whatever ends is started again, as by a
supervisor, until it is told to finish."""

import signal
import subprocess
import time

import harness


class Slot:
    """One peer's place. What its lives have counted is kept (harness.Board)."""

    def __init__(self, torture, name, side):
        self.torture, self.name, self.side = torture, name, side
        self.life, self.process, self.finishing = 0, None, False
        # Of the lives before this one, and of this one: replaced at once, since others are reading.
        self.counters = ({word: 0 for word in harness.Board.WORDS}, None)

    def start(self):
        self.life += 1
        life = f"{self.name}.{self.life}"
        board = harness.Board(self.torture.folder / f"{life}.board")
        self.counters = ({word: self.count(word) for word in board.WORDS}, board)
        self.process = self.torture.start(
            *self.side.prefix, *self.command(), "--board", board.path, "--log",
            self.torture.logs / f"{life}.log")
        self.process.name = self.name

    def command(self):
        raise NotImplementedError

    def count(self, word):
        before, board = self.counters
        return before[word] + (getattr(board, word) if board is not None else 0)

    def supervise(self):
        """Starts it again if it has ended; that it was killed is no surprise."""
        if self.process is None:
            return self.start()
        code = self.process.poll()
        if code is None or self.finishing:
            return
        if code != -signal.SIGKILL:
            self.torture.complain(f"{self.name} ended with {code}: "
                                  f"{self.process.lines[-3:]} {self.process.errors[-3:]}")
        self.process.wait()
        self.start()


class Producer(Slot):
    def __init__(self, torture, name, side, anonymous=False):
        super().__init__(torture, name, side)
        self.anonymous = anonymous

    def command(self):
        if self.anonymous:
            who = [f"{self.name}~{self.life}", "--pressure", "wait"]
        else:
            who = [self.name, "--name", self.name]
        return [harness.PEERS / "pawl-torture-producer", self.torture.device.endpoint,
                self.torture.QUEUE, *who, "--window", 300, "--pause-ms",
                self.torture.PRODUCER_PAUSE_MS, "--kills-every", self.torture.KILLS_EVERY,
                "--close-ms", self.torture.SETTLE_MAX_S * 1000]

    def finish(self):
        self.finishing = True
        if self.process.poll() is None:
            self.process.process.stdin.close()

    def is_finished(self):
        """True once it has its last answer."""
        code = self.process.poll()
        if code not in (None, 0):
            # A life that was killed just before does not know its answers: the next one asks.
            self.process.wait()
            self.start()
            self.finish()
        return code == 0

    @property
    def progress(self):
        return self.count("confirmed")


class Worker(Slot):
    def __init__(self, torture, name, side, how, *options, queue=None):
        super().__init__(torture, name, side)
        self.how, self.options, self.queue = how, options, queue or torture.QUEUE

    def command(self):
        return [harness.PEERS / "pawl-test-worker", self.torture.device.endpoint, self.queue,
                "--how", self.how, "--peer", self.name, "--pause-ms", 1, "--slow-ms",
                round(600 * self.torture.LEASE_S), *self.options]

    def finish(self):
        self.finishing = True
        if self.process.poll() is None:
            self.process.tell("close 5000")

    @property
    def progress(self):
        return self.count("finished")


class Lines:
    """`pawl send --producer` over a file that grows, and `pawl work`, as a shell would have them:
    whatever is killed is run again, and every line arrives; none is kept twice."""

    QUEUE = "lines"
    MORE, EVERY_S = 50, 0.5

    def __init__(self, torture, side):
        self.torture, self.side = torture, side
        self.file = torture.folder / "lines"
        self.count, self.printed, self.finishing = 0, [], False
        self.sender = self.worker = None
        self.more_at = 0.0

    def start(self):
        self.write_more()
        self.send()
        self.work()

    def write_more(self):
        with open(self.file, "a", encoding="utf-8") as file:
            file.writelines(f"line {self.count + i}\n" for i in range(self.MORE))
        self.count += self.MORE
        self.more_at = time.monotonic() + self.EVERY_S

    def send(self):
        self.sender = self.torture.start(
            *self.side.prefix, harness.PROGRAMS / "pawl", "send", "--to",
            self.torture.device.endpoint, "--queue", self.QUEUE, "--producer", "lines", "--file",
            self.file, "--wait", "1h", stdin=subprocess.DEVNULL)

    def work(self):
        self.worker = self.torture.start(
            *self.side.prefix, harness.PROGRAMS / "pawl", "work", "--from",
            self.torture.device.endpoint, "--queue", self.QUEUE, stdin=subprocess.DEVNULL)
        self.printed.append(self.worker.lines)

    def supervise(self):
        if self.worker is None:
            return self.start()
        if self.sender.poll() != 0 or time.monotonic() > self.more_at:
            self.look_at("pawl send", self.sender, (0, -signal.SIGKILL), self.send_again)
        self.look_at("pawl work", self.worker, (-signal.SIGKILL,), self.work)

    def look_at(self, name, process, codes, start):
        code = process.poll()
        if code is None or self.finishing:
            return
        process.wait()
        if code not in codes:
            self.torture.complain(f"{name} ended with {code}: {process.errors[-3:]}")
        start()

    def send_again(self):
        if self.sender.poll() == 0:
            self.write_more()
        self.send()

    def is_sent(self):
        """Once more over the whole file, if need be, without adding to it."""
        self.finishing = True
        code = self.sender.poll()
        if code not in (None, 0):
            self.send()
        if self.worker.poll() is not None:
            self.work()
        return code == 0

    def close(self):
        """After everything has settled: what is wrong with what was printed."""
        self.worker.signal(signal.SIGTERM)
        if (code := self.worker.wait()) != 0:
            self.torture.complain(f"pawl work ended with {code}: {self.worker.errors[-3:]}")
        printed = {line for lines in self.printed for line in lines}
        wanted = {f"line {i}" for i in range(self.count)}
        row = self.torture.device.row(self.QUEUE)
        if wanted - printed:
            self.torture.complain(f"G1 {len(wanted - printed)} lines were confirmed to pawl send "
                                  f"and never printed: {sorted(wanted - printed)[:3]}")
        if printed - wanted:
            self.torture.complain(f"G7 printed and never sent: {sorted(printed - wanted)[:3]}")
        if row["accepted"] != self.count:
            self.torture.complain(f"G5 {self.count} lines were sent, {row['accepted']} are kept")
