#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that fills: 512 MiB of tmpfs, filled from outside. Needs root, for the mount."""

import contextlib
import os
import subprocess
import unittest

import harness

DISK = 512 << 20
BACKLOG = 300


@unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
class FullDisk(harness.World):
    def setUp(self):
        super().setUp()
        disk = self.folder / "device-data"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "pawl-e2e", disk],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
        self.disk = disk
        # Clean-ups run last first: the mount goes when the processes have.
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        self.addCleanup(self.end_processes)

    def fill(self, leave):
        """A file from outside that takes all of the disk but `leave` bytes."""
        path = self.disk / "ballast"
        with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while (free := self.free()) > leave:
                file.write(bytes(min(1 << 20, free - leave)))
        return path

    def restart_if_ended(self, device):
        """As a supervisor does: an I/O error on sync ends the process, with a sentence."""
        if device.process.poll() is None:
            return
        self.assertRegex(" ".join(device.process.errors), "could not be synced")
        device.start()

    def free(self):
        disk = os.statvfs(self.disk)
        return disk.f_bavail * disk.f_frsize

    def test_G6_below_the_reserve_producers_wait_or_are_refused_and_workers_go_on(self):
        device = self.device().start()
        self.send(device, "q", [f"old {i} {'.' * 1000}" for i in range(BACKLOG)])
        ballast = self.fill(leave=20 << 20)
        harness.wait_until(lambda: device.ask()["device"]["free_bytes"] == 0, "the reserve")
        blocked = self.sender(device, "q", "--prefix", "blocked", "--count", 50, "--size", 1000)
        failing = self.sender(device, "q", "--prefix", "failing", "--pressure", "fail", "--count",
                              20, "--size", 1000, "--how", "wait")
        failing.wait_for("^closed")
        self.assertEqual(len(failing.found(r"^refused \S+ NO_SPACE")), 20, failing.lines)
        worker = self.worker(device, "q")
        worker.wait_for("^end old ", count=BACKLOG)
        row = device.wait_row("q", lambda row: row["acked"] >= BACKLOG, "acks on a full disk")
        self.assertEqual(row["accepted"], BACKLOG, "accepted below the reserve")
        self.assertEqual(blocked.board.confirmed + blocked.board.refused, 0)
        ballast.unlink()
        self.assertEqual(blocked.wait(), 0, blocked.errors)
        row = device.wait_row("q", lambda row: row["acked"] == BACKLOG + 50, "all acked")
        harness.report(refused=20, acked_below_the_reserve=BACKLOG, confirmed_after=50)
        self.assertIsNone(device.process.poll(), "the same process")
        self.assert_adds_up(row)
        device.kill()
        device.start()
        self.assertEqual(device.row("q")["acked"], BACKLOG + 50)

    def test_G1_a_disk_that_is_full_to_the_last_byte_loses_nothing(self):
        device = self.device().start()
        senders = [self.sender(device, "q", "--prefix", f"{name}-", "--pressure", way, "--count",
                               20_000, "--size", 20_000)
                   for name, way in (("a", "block"), ("b", "block"), ("c", "wait"))]
        senders[0].wait_for("^confirmed", count=100)
        ballast = self.fill(leave=0)
        # Whatever was under way has met a disk without a byte. Nothing is taken now.
        worker = self.worker(device, "q", "--prefetch", 50)
        ballast.unlink()
        more = senders[0].board.confirmed + 300

        def goes_on():
            self.restart_if_ended(device)
            return senders[0].board.confirmed >= more
        harness.wait_until(goes_on, "confirms after the disk had room again")
        for sender in senders:
            sender.kill()
        confirmed = {m.group(1) for s in senders for m in s.found(r"^confirmed (\S+)")}

        def all_done():
            self.restart_if_ended(device)
            row = device.row("q")
            return row["acked"] == row["accepted"] and row
        row = harness.wait_until(all_done, "all acked")
        worker.tell("close 5000")
        self.assertEqual(worker.wait(), 0)
        done = [m.group(1) for m in worker.found(r"^end (\S+)")]
        devices = [p for p in self.processes if p.args[0].endswith("pawl-queue")]
        reopened = sum("reopened" in line for p in devices for line in p.errors)
        harness.report(confirmed=len(confirmed), accepted=row["accepted"], processed=len(done),
                       reopened=reopened, restarts=len(devices) - 1)
        self.assertEqual(confirmed - set(done), set())
        self.assertEqual(row["accepted"], len(set(done)))


if __name__ == "__main__":
    harness.main()
