# SPDX-License-Identifier: Apache-2.0
"""What a seed stands for: which faults, in which order, which of them together, and what each
chooses. When they happen is for the machine to say: each waits until the load has gone on."""

import random

from clock import CLOCK
from connections import CONNECTIONS
from disk import DISK
from faults import PROCESSES
from network import NETWORK

FAULTS = [*PROCESSES, *NETWORK, *DISK, *CLOCK, *CONNECTIONS]
TWO_AT_ONCE = 0.25


class Plan:
    def __init__(self, seed, faults):
        self.luck = random.Random(seed)
        self.faults = faults

    def rounds(self):
        """Each kind once, in some order; then for ever, and some of them in pairs."""
        for fault in self.luck.sample(self.faults, len(self.faults)):
            yield [fault]
        while True:
            first = self.luck.choice(self.faults)
            others = [fault for fault in self.faults if fault.group != first.group]
            pair = others and self.luck.random() < TWO_AT_ONCE
            # Strangers first: they are done with connecting when the device has answered.
            yield sorted([first, self.luck.choice(others)] if pair else [first],
                         key=lambda fault: fault.group != "connections")

    def luck_of_round(self):
        """Its own, so that how often one fault draws does not change the next."""
        return random.Random(self.luck.getrandbits(64))
