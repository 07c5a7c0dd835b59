# SPDX-License-Identifier: Apache-2.0
"""What became of each message, from what the producer and the workers wrote themselves; the hub's
own counters are not asked."""

import collections
import glob
import hashlib
import os


class Account:
    def __init__(self, folder, good, poison):
        self.folder = folder
        self.good = set(good)
        self.poison = set(poison)
        self.processed = collections.Counter()  # path -> times
        self.digests = {}                       # path -> what the workers computed
        self.dead = collections.defaultdict(list)  # path -> reasons
        self.retried = 0                        # results of a second attempt or later
        self.strange = []                       # lines that should not be there
        self.offsets = collections.Counter()

    def new_lines(self, name):
        """Whole lines that were added to a file since the last look."""
        if not os.path.exists(name):
            return []
        with open(name, "rb") as file:
            file.seek(self.offsets[name])
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.offsets[name] += len(whole)
        return whole.decode(errors="surrogateescape").splitlines()

    def read(self):
        for name in glob.glob(os.path.join(self.folder, "results.*")):
            for line in self.new_lines(name):
                self.add_result(line)
        for line in self.new_lines(os.path.join(self.folder, "dead")):
            path, _, reason = line.partition("\t")
            self.dead[path].append(reason)

    def add_result(self, line):
        words = line.split(" ", 3)
        path = words[3].strip() if len(words) == 4 else ""
        if path not in self.good:
            self.strange.append(line)
            return
        self.processed[path] += 1
        self.retried += words[1] != "1"
        if self.digests.setdefault(path, words[2]) != words[2]:
            self.strange.append(f"two digests of {path}")

    def settled(self):
        return len(self.processed) == len(self.good) and set(self.dead) >= self.poison

    def twice(self):
        return sum(1 for times in self.processed.values() if times > 1)

    def wrong_digests(self):
        wrong = []
        for path, digest in self.digests.items():
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != digest:
                    wrong.append(path)
        return wrong

    def close(self, confirmed, out):
        """Prints the account; True if it balances. `confirmed`: the producer's own (N, of M)."""
        sent = len(self.good) + len(self.poison)
        complaints = [f"line in a result file: {line}" for line in self.strange]
        complaints += [f"wrong digest: {path}" for path in self.wrong_digests()]
        for words, paths in (("never processed", self.good - set(self.processed)),
                             ("not among the dead", self.poison - set(self.dead)),
                             ("dead without cause", set(self.dead) - self.poison)):
            complaints += [f"{words}: {path}" for path in sorted(paths)]
        if confirmed != (sent, sent):
            complaints.append(f"the producer says {confirmed}, sent were {sent}")
        rows = [("sent", sent), ("confirmed", confirmed[0]), ("processed", len(self.processed)),
                ("processed twice or more", self.twice()), ("on a second attempt", self.retried),
                ("dead", len(self.dead))]
        for words, number in rows:
            print(f"  {words:24}{number:>8,}", file=out)
        for path, reasons in sorted(self.dead.items()):
            print(f"    {path}: {reasons[0]}", file=out)
        for complaint in complaints[:20]:
            print(f"  WRONG: {complaint}", file=out)
        return not complaints
