# SPDX-License-Identifier: Apache-2.0
"""A line that moves on a terminal, and a line now and then elsewhere."""

import sys
import time

COLUMNS = 32


class Progress:
    def __init__(self, total):
        self.total = total
        self.on_terminal = sys.stderr.isatty()
        self.begun = time.monotonic()
        self.said_at = self.begun

    def line(self, account):
        done = len(account.processed)
        filled = done * COLUMNS // max(1, self.total)
        bar = "█" * filled + "░" * (COLUMNS - filled)
        return (f"{bar} {done:,}/{self.total:,} hashed  {account.twice()} twice"
                f"  {len(account.dead)} dead  {time.monotonic() - self.begun:.0f} s")

    def draw(self, account):
        if self.on_terminal:
            print(f"\r\033[K{self.line(account)}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.said_at > 2:
            self.said_at = time.monotonic()
            print(self.line(account), file=sys.stderr, flush=True)

    def note(self, words):
        self.done()
        print(f"  {time.monotonic() - self.begun:5.1f} s  {words}", file=sys.stderr, flush=True)

    def done(self):
        if self.on_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
