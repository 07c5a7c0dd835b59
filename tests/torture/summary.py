# SPDX-License-Identifier: Apache-2.0
"""What a torture says: a line that moves while it runs, if somebody looks, and a table at its
end."""

import sys

import victim
from connections import FILES_MAX


def progress(what):
    if sys.stderr.isatty():
        print(f"\r\033[K{what[:140]}", end="", file=sys.stderr, flush=True)


def again(arguments):
    return f"./dev torture --minutes {arguments.minutes:g} --seed {arguments.seed}"


class Summary:
    def __init__(self, torture, account, reasons, seed):
        self.torture, self.account, self.reasons, self.seed = torture, account, reasons, seed
        self.longest = max(torture.recoveries, default=(0.0, "nothing"))

    def as_dict(self):
        torture = self.torture
        return {"seed": self.seed, "broken": torture.complaints, "faults": dict(torture.counts),
                "skipped": {kind: why for kind, why in self.reasons.items() if why},
                "connects": torture.connects, "packets_dropped": torture.packets_dropped,
                "messages": self.account, "lines": torture.lines.count,
                "longest_recovery_s": round(self.longest[0], 2),
                "longest_recovery_after": self.longest[1],
                "has_settled": torture.has_settled,
                "settling_s": round(torture.settling_s, 2), "rss_mb": torture.watch.rss >> 20,
                "descriptors": torture.watch.files, "device_starts": torture.device.restarts + 1,
                "store_reopened": torture.device.reopened,
                "worker_lives": sum(worker.life for worker in torture.workers),
                "producer_lives": sum(producer.life for producer in torture.producers)}

    def print(self):
        progress("")
        row = self.row
        counts = self.torture.counts
        row("faults", sum(counts.values()))
        for kind, why in self.reasons.items():
            row("  " + kind, f"skipped: {why}" if why else counts[kind])
        row("  packets dropped by slow links", self.torture.packets_dropped)
        row("  connects of strangers", self.torture.connects)
        row("lives of the device", self.torture.device.restarts + 1)
        row("  its store opened anew", self.torture.device.reopened)
        row("lives of producers", sum(peer.life for peer in self.torture.producers))
        row("lives of workers", sum(peer.life for peer in self.torture.workers))
        for name in ("sent", "confirmed", "refused", "processed", "dead"):
            row(f"messages {name}", self.account.get(name, "?"))
        row("duplicates: processed twice, which may be", self.account.get("processed_twice", "?"))
        row("lines through pawl send and pawl work", self.torture.lines.count)
        row("failures that nobody saw, which may be", self.account.get("blamed_unseen", "?"))
        row("losses", self.losses())
        row("longest recovery", f"{self.longest[0]:.2f} s, after {self.longest[1]}")
        row("time to come to rest", f"{self.torture.settling_s:.2f} s" if self.torture.has_settled
            else "it has not")
        row("device's memory at most", f"{self.torture.watch.rss >> 20} MiB of "
            f"{victim.RSS_MAX >> 20}")
        row("device's descriptors at most", f"{self.torture.watch.files} of {FILES_MAX}")
        for what in self.torture.complaints:
            row("BROKEN", what)

    def losses(self):
        """What was still under way when a run broke off is not lost."""
        lost = self.account.get("lost", "?")
        return lost if self.torture.has_settled else f"not known: {lost} were under way"

    @staticmethod
    def row(what, value):
        print(f"  {what:<44} {value}", flush=True)
