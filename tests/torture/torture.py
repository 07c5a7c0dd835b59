#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real processes under torture: a device, producers and workers of the library, pawl's commands,
and every kind of fault that the machine allows; then everything heals and must come to rest, and
the simulation's oracle reads what the peers have seen. Exit 1 if a promise was broken."""

import argparse
import collections
import contextlib
import json
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "end_to_end"))

import disk
import ground
import harness
import slots
import summary
import victim
from clock import Clock
from plan import FAULTS, Plan


FILES_OF_STORE = 64  # that it may have open at one time and not at another


class Broken(Exception):
    """A promise was; or it does not go on."""


class Torture:
    QUEUE = "q"
    LEASE_S, BEAT_S, MARGIN_S = (4.0, 0.8, 0.5) if harness.SANITIZED else (1.0, 0.2, 0.2)
    MAX_ATTEMPTS, BACKOFF_MS, DRAIN_MS = 3, 400, 300
    PRODUCER_PAUSE_MS = 20 if harness.SANITIZED else 8
    KILLS_EVERY = 20
    RECOVERY_MAX_S = 120 if harness.SANITIZED else 30
    SETTLE_MAX_S = 150 if harness.SANITIZED else 60
    PROGRESS = 20  # messages between two faults, at least

    def __init__(self, missing):
        self.missing = missing  # why there are no namespaces, if so
        self.folder = ground.make_folder()
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.processes, self.complaints = [], []
        self.broken, self.lock = threading.Event(), threading.RLock()
        self.disk_was_full, self.has_settled, self.settling_s = False, False, 0.0
        self.connects, self.packets_dropped = 0, 0
        self.counts, self.recoveries = collections.Counter(), []
        self.sides, self.supervising, self.supervisor = [], threading.Event(), None

    def open(self):
        self.sides = ground.sides(self.missing)
        self.address = self.sides[0].DEVICE
        self.clock = Clock(self.folder)
        self.device = victim.Device(self, self.config())
        self.place_peers()
        self.supervise()
        self.watch = victim.Watch(self)
        self.supervisor = threading.Thread(target=self.keep_supervising, daemon=True)
        self.supervisor.start()

    def close(self):
        self.supervising.set()
        if self.supervisor is not None:
            self.supervisor.join()
        self.end_processes()
        disk.unmake(self.folder / "device-data")
        for side in self.sides:
            side.close()

    def config(self):
        policy = (f"max_attempts = {self.MAX_ATTEMPTS}\n"
                  f'backoff = {{ initial = "{self.BACKOFF_MS}ms", factor = 1.0, '
                  f'max = "{self.BACKOFF_MS}ms", jitter = 0.0 }}\n')
        patient = "max_attempts = 100000\n"
        return (f'[hub]\nlease = "{self.LEASE_S * 1000:.0f}ms"\n'
                f'beat = "{self.BEAT_S * 1000:.0f}ms"\nmargin = "{self.MARGIN_S * 1000:.0f}ms"\n'
                f"[queue.{self.QUEUE}]\n{policy}"
                f'[queue."{self.QUEUE}.dead"]\n{patient}[queue.lines]\n{patient}')

    def place_peers(self):
        first, last = self.sides[0], self.sides[-1]
        self.producers = [slots.Producer(self, "A", first), slots.Producer(self, "B", last),
                          slots.Producer(self, "C", first, anonymous=True)]
        ways = (("handler", "--threads", 2, "--slots", 4, "--prefetch", 50),
                ("batch", "--slots", 8, "--prefetch", 20), ("pull", "--prefetch", 1),
                ("descriptor", "--slots", 4, "--prefetch", 10),
                ("coroutine", "--slots", 2, "--prefetch", 5))
        self.workers = [slots.Worker(self, f"w{i}", (first, last)[i % 2], *way)
                        for i, way in enumerate(ways)]
        self.undertaker = slots.Worker(self, "u", last, "handler", queue=f"{self.QUEUE}.dead")
        self.lines = slots.Lines(self, last)
        self.peers = [*self.producers, *self.workers, self.undertaker]

    # What faults use -----------------------------------------------------------------------------
    def start(self, *command, **options):
        if self.missing:  # else the namespace takes all with it
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        process = harness.Process(command, start_new_session=True, **options)
        process.name = next(word for word in process.args if "pawl" in word).rsplit("/", 1)[-1]
        self.processes.append(process)
        return process

    def log(self, what):
        with open(self.logs / "torture.log", "a", encoding="ascii") as file:
            file.write(f"{time.monotonic_ns()} {what}\n")

    def complain(self, what):
        self.complaints.append(what)
        self.broken.set()

    def hold(self, seconds):
        if self.broken.wait(seconds):
            raise Broken

    def kill_device(self):
        with self.lock:
            self.device.wanted = False
            if self.device.process is not None:
                self.device.kill()
                self.device.bury()

    def want_device(self):
        self.device.wanted = True

    # ---------------------------------------------------------------------------------------------
    def supervise(self):
        with self.lock:
            self.device.supervise()
            for peer in [*self.peers, self.lines]:
                peer.supervise()

    def keep_supervising(self):
        while not self.supervising.wait(0.02):
            try:
                self.supervise()
            except Exception as error:
                self.complain(f"the supervisor failed: {error!r}")

    def wait(self, condition, what, deadline_s):
        """As harness.wait_until, and ends at the first complaint."""
        def look():
            if self.broken.is_set():
                raise Broken
            return condition()
        try:
            return harness.wait_until(look, what, deadline_s)
        except AssertionError as error:
            self.complain(str(error))
            raise Broken from error

    def wait_progress(self, after="the start"):
        """Until load has gone on, at every peer. Returns how long that took."""
        begun = time.monotonic()
        before = {peer: peer.progress for peer in self.producers + self.workers}
        total = sum(worker.progress for worker in self.workers) + self.PROGRESS

        def has_gone_on():
            return (all(peer.progress > count for peer, count in before.items())
                    and sum(worker.progress for worker in self.workers) >= total)

        def what():
            stuck = [peer.name for peer, count in before.items() if peer.progress == count]
            return f"progress after {after}; nothing moves at {stuck}"
        self.wait(has_gone_on, what, self.RECOVERY_MAX_S)
        return time.monotonic() - begun

    def do(self, faults, luck):
        """One fault, or two at once, under load; then it goes on."""
        begun = time.monotonic()
        with contextlib.ExitStack() as at_once:
            said = []
            for fault in faults:
                span, words = at_once.enter_context(
                    contextlib.contextmanager(fault.act)(self, luck))
                said.append((span, f"{fault.kind} ({words})"))
            self.hold(max(span for span, _ in said))
        lasted = time.monotonic() - begun
        what = ", ".join(words for _, words in said)
        recovery = self.wait_progress(what)
        self.counts.update(fault.kind for fault in faults)
        self.recoveries.append((recovery, what))
        summary.progress(f"{sum(self.counts.values())} faults, "
                         f"{sum(p.progress for p in self.producers)} messages; {what}: "
                         f"{lasted:.1f} s, {recovery:.1f} s later all go on")

    def add_up(self):
        for name, row in self.device.stat().items():
            places = sum(row[key] for key in ("ready", "leased", "delayed", "dead", "acked"))
            if row["accepted"] != places:
                self.complain(f"G7 {name} has accepted {row['accepted']}, and has {places}: {row}")

    def run(self, plan, seconds):
        """Faults for so long, each kind at least once; then rest."""
        try:
            self.wait_progress()
            self.watch.files_at_rest = self.watch.open_files()
            until = time.monotonic() + seconds
            for number, faults in enumerate(plan.rounds(), 1):
                self.do(faults, plan.luck_of_round())
                self.add_up()
                if number >= len(plan.faults) and time.monotonic() >= until:
                    break
            self.settle()
        except Broken:
            pass  # complain() was told why
        except AssertionError as error:
            self.complain(str(error))
        self.watch.close()

    def settle(self):
        """Producers get their last answers, and everything is worked off."""
        begun = time.monotonic()
        with self.lock:
            for producer in self.producers:
                producer.finish()

        def finished(what):
            with self.lock:
                return what()
        self.wait(lambda: finished(lambda: all([p.is_finished() for p in self.producers])),
                  "an answer for each message sent", self.SETTLE_MAX_S)
        self.wait(lambda: finished(self.lines.is_sent), "pawl send's end", self.SETTLE_MAX_S)
        rows = self.wait(self.settled_rows, "rest", self.SETTLE_MAX_S)
        self.has_settled, self.settling_s = True, time.monotonic() - begun
        self.wait(lambda: self.watch.open_files() <= self.watch.files_at_rest + FILES_OF_STORE,
                  "an end of strangers' connections", self.SETTLE_MAX_S)
        self.lines.close()
        with self.lock:
            for worker in [*self.workers, self.undertaker]:
                worker.finish()
        for worker in [*self.workers, self.undertaker]:
            if (code := worker.process.wait()) != 0:
                self.complain(f"{worker.name} ended with {code}: {worker.process.errors[-3:]}")
        row = rows[self.QUEUE]
        waiting = row["ready"] + row["leased"] + row["delayed"]
        self.log(f"rest {row['accepted']} {row['acked']} {row['dead']} {waiting}")

    def settled_rows(self):
        rows = self.device.stat()
        dead = rows.get(f"{self.QUEUE}.dead", {"accepted": 0, "acked": 0})
        q, lines = rows[self.QUEUE], rows["lines"]
        return (q["acked"] + q["dead"] == q["accepted"] and dead["acked"] == dead["accepted"]
                and lines["acked"] == lines["accepted"] and rows)

    def end_processes(self):
        for process in self.processes:
            if process.poll() is None:
                process.signal(signal.SIGKILL)
            process.wait()

    def keep_words(self):
        """What the processes have said, beside what the peers have seen."""
        for number, process in enumerate(self.processes):
            if process.errors:
                path = self.logs.parent / f"{process.name}.{number}.said"
                path.write_text("\n".join(process.errors) + "\n", encoding="utf-8")

    def judge(self):
        """The oracle's account of all that was logged."""
        judged = subprocess.run(
            [harness.PEERS / "pawl-oracle", self.logs, "--queue", self.QUEUE, "--max-attempts",
             str(self.MAX_ATTEMPTS), "--backoff-ms", str(self.BACKOFF_MS), "--drain-ms",
             str(self.DRAIN_MS)],
            capture_output=True, text=True, check=False)
        if judged.returncode not in (0, 1):
            self.complain(f"pawl-oracle ended with {judged.returncode}: {judged.stderr}")
            return {}
        account = json.loads(judged.stdout)
        if account["fault"]:
            self.complain(account["fault"])
        return account


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.0,
                        help="how long; without it, each kind of fault once")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--json", type=pathlib.Path, help="where to write the summary, too")
    return parser.parse_args()


def run(arguments, missing):
    torture = Torture(missing)
    try:
        torture.open()
        reasons = {fault.kind: fault.why_not(torture) for fault in FAULTS}
        plan = Plan(arguments.seed, [f for f in FAULTS if not reasons[f.kind]])
        torture.run(plan, arguments.minutes * 60)
    except KeyboardInterrupt:
        return "interrupted"  # what is in the folder the next run takes away
    finally:
        torture.close()
    said = summary.Summary(torture, torture.judge(), reasons, arguments.seed)
    said.print()
    if arguments.json:
        arguments.json.write_text(json.dumps(said.as_dict(), indent=2) + "\n", encoding="utf-8")
    if torture.complaints:
        torture.keep_words()
        ground.keep_folder(torture.folder)
        print(f"what the peers have seen and said is kept in {torture.folder}", flush=True)
        return 1
    shutil.rmtree(torture.folder)
    return 0


def main():
    arguments = parse()
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    missing = ground.enter()
    print(f"seed {arguments.seed}; again: {summary.again(arguments)}", flush=True)
    sys.exit(run(arguments, missing))


if __name__ == "__main__":
    main()
