#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The torture's oracle bites: honest logs pass, and of each doctored one it says what is wrong."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ORACLE = pathlib.Path(os.environ["PAWL_TEST_PEERS"]) / "pawl-oracle"
ACK, NACK, REJECT, GIVE_BACK = 1, 2, 3, 4
LEASE_NS = 1_000_000_000


class Story:
    """What processes write, a millisecond after each other."""

    def __init__(self):
        self.now, self.lines, self.leases = LEASE_NS, {}, 0
        self.lease_of, self.settles = {}, 0

    def say(self, process, what):
        self.now += 1_000_000
        self.lines.setdefault(process, []).append(f"{self.now} {what}")

    def sends(self, *bodies, first=0):
        for offset, body in enumerate(bodies, first):
            self.say("producer", f"sent {body}")
            self.say("producer", f"confirmed {body} {offset}")

    def worker(self, name, takes="q"):
        self.say(name, f"takes {takes}")
        self.say(name, "resumes")
        self.say(name, "welcome 0")
        self.say(name, f"alive {self.now + LEASE_NS}")

    def is_handed(self, worker, body, offset, attempt=1, redelivered=0):
        self.leases += 1
        self.lease_of[worker, offset] = self.leases
        self.say(worker, f"handed {self.leases} {offset} {attempt} {int(redelivered)} {body}")

    def begins(self, worker, body, offset):
        self.say(worker, f"begin {offset} {self.now + LEASE_NS} {body}")

    def finishes(self, worker, body, offset):
        self.say(worker, f"done {offset} {self.now + LEASE_NS} {body}")
        self.answers(worker, ACK, offset)

    def answers(self, worker, verb, offset):
        self.settles += 1
        lease = self.lease_of[worker, offset]
        self.say(worker, f"answered {self.settles} {verb} {lease} {offset} 1")

    def is_settled(self, worker, exceptions=""):
        self.say(worker, f"settled {self.settles} {exceptions}".rstrip())

    def works(self, worker, body, offset, **handed):
        self.is_handed(worker, body, offset, **handed)
        self.begins(worker, body, offset)
        self.finishes(worker, body, offset)

    def rests(self, accepted, acked, dead=0, waiting=0):
        self.now += 10 * LEASE_NS
        self.say("torture", f"rest {accepted} {acked} {dead} {waiting}")

    def judge(self):
        with tempfile.TemporaryDirectory() as folder:
            for process, lines in self.lines.items():
                path = pathlib.Path(folder) / f"{process}.log"
                path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
            said = subprocess.run([ORACLE, folder, "--queue", "q", "--max-attempts", "3",
                                   "--backoff-ms", "400", "--drain-ms", "300"],
                                  capture_output=True, text=True, check=False)
        assert said.returncode in (0, 1), said.stderr
        account = json.loads(said.stdout)
        assert said.returncode == bool(account["fault"]), account
        return account


class OracleBites(unittest.TestCase):
    def setUp(self):
        self.story = Story()
        self.story.worker("w1")
        self.story.worker("w2")

    def assert_names(self, words):
        self.assertIn(words, self.story.judge()["fault"])

    def assert_honest(self):
        account = self.story.judge()
        self.assertEqual(account["fault"], "")
        return account

    def test_honest_logs_pass(self):
        self.story.sends("A:1", "A:2", "A:4")
        for offset, body in enumerate(("A:1", "A:2", "A:4")):
            self.story.works("w1", body, offset)
        self.story.rests(3, 3)
        account = self.assert_honest()
        self.assertEqual([account[key] for key in ("confirmed", "processed", "lost")], [3, 3, 0])

    def test_G1_a_confirmed_message_that_is_missing(self):
        self.story.sends("A:1", "A:2")
        self.story.works("w1", "A:1", 0)
        self.story.rests(2, 2)
        self.assert_names("G1 A:2 was confirmed, and neither processed nor found dead")
        self.assertEqual(self.story.judge()["lost"], 1)

    def test_G1_an_offset_that_holds_another_message(self):
        self.story.sends("A:1")
        self.story.say("producer", "sent B:1")
        self.story.works("w1", "B:1", 0)
        self.assert_names("G1 at offset 0 was A:1, now B:1")

    def test_G2_two_that_hold_a_message_at_once(self):
        self.story.sends("A:1")
        self.story.is_handed("w1", "A:1", 0)
        self.story.begins("w1", "A:1", 0)
        self.story.works("w2", "A:1", 0, redelivered=1)
        self.story.finishes("w1", "A:1", 0)
        self.story.rests(1, 1)
        self.assert_names("G2 the message at 0 is held by two: w1 and w2")

    def test_G2_one_that_goes_on_after_its_belief_has_ended_holds_nothing(self):
        self.story.sends("A:1")
        self.story.is_handed("w1", "A:1", 0)
        self.story.begins("w1", "A:1", 0)
        self.story.now += 2 * LEASE_NS
        self.story.works("w2", "A:1", 0, redelivered=1)
        self.story.say("w1", "done 0 0 A:1")  # lost, it was told
        self.story.rests(1, 1)
        self.assert_honest()

    def test_G2_a_lease_that_is_older_than_the_one_before(self):
        self.story.sends("A:1", "A:2")
        self.story.works("w1", "A:1", 0)
        self.story.leases = -1
        self.story.works("w1", "A:2", 1)
        self.assert_names("G2 w1 was given a lease with a lower number")

    def blame(self, others_in_hand):
        """A message comes back with a failure, after its worker has died with so many others."""
        bodies = ["A:1"] + ["A:2", "A:4"][:others_in_hand]
        self.story.sends(*bodies)
        for offset, body in enumerate(bodies):
            self.story.is_handed("w1", body, offset)
        self.story.begins("w1", "A:1", 0)
        self.story.now += 2 * LEASE_NS
        self.story.works("w2", "A:1", 0, attempt=2, redelivered=1)
        for offset, body in enumerate(bodies[1:], 1):
            self.story.works("w2", body, offset, redelivered=1)
        self.story.rests(len(bodies), len(bodies))

    def test_G3_an_innocent_that_is_blamed(self):
        self.blame(others_in_hand=1)
        self.assert_names("G3 A:1 is handed out as attempt 2, but only 0 failures could be seen")

    def test_G3_one_that_was_alone_may_be_blamed(self):
        self.blame(others_in_hand=0)
        self.assertEqual(self.assert_honest()["blamed_unseen"], 0)

    def test_G3_what_a_lost_worker_may_have_been_sent_is_blamed_once_and_no_more(self):
        for attempts, fault in ((2, ""), (3, "G3 A:1 is handed out as attempt 3")):
            with self.subTest(attempts=attempts):
                self.setUp()
                self.story.sends("A:1")
                self.story.now += 2 * LEASE_NS  # w1 is silent, and held nothing
                self.story.say("w2", f"alive {self.story.now + LEASE_NS}")
                self.story.works("w2", "A:1", 0, attempt=attempts, redelivered=1)
                self.story.rests(1, 1)
                account = self.story.judge()
                self.assertTrue(account["fault"].startswith(fault), account)
                self.assertEqual(account["fault"] == "", fault == "", account)

    def test_G3_what_crosses_with_a_session_that_is_resumed_is_not_held(self):
        for crosses, fault in ((True, ""), (False, "G3 A:2 is handed out as attempt 2")):
            with self.subTest(crosses=crosses):
                self.setUp()
                self.story.sends("A:1", "A:2")
                if crosses:
                    self.story.say("w1", "resumes")
                self.story.is_handed("w1", "A:1", 0)
                self.story.say("w1", "welcome 1")
                self.story.is_handed("w1", "A:2", 1)
                self.story.now += 2 * LEASE_NS
                self.story.works("w2", "A:2", 1, attempt=2, redelivered=1)
                self.story.works("w2", "A:1", 0, redelivered=1)
                self.story.rests(2, 2)
                told = self.story.judge()["fault"]
                self.assertTrue(told.startswith(fault), told)
                self.assertEqual(told == "", fault == "", told)

    def test_G3_nothing_of_the_queue_can_die_with_a_worker_of_dead_letters(self):
        self.story.sends("A:1")
        self.story.worker("u", takes="q.dead")
        self.story.say("w1", f"alive {self.story.now + 9 * LEASE_NS}")
        self.story.say("w2", f"alive {self.story.now + 9 * LEASE_NS}")
        self.story.now += 2 * LEASE_NS  # u is silent
        self.story.works("w2", "A:1", 0, attempt=2, redelivered=1)
        self.story.say("w1", f"alive {self.story.now + LEASE_NS}")
        self.assert_names("G3 A:1 is handed out as attempt 2, but only 0 failures could be seen")

    def test_G1_an_ack_that_was_answered_and_is_forgotten_all_the_same(self):
        for exceptions in ("", "1 0 1"):
            with self.subTest(exceptions=exceptions):
                self.setUp()
                self.story.sends("A:1")
                self.story.works("w1", "A:1", 0)
                self.story.is_settled("w1", exceptions)
                self.story.works("w2", "A:1", 0, redelivered=1)
                self.story.rests(1, 1)
                fault = self.story.judge()["fault"]
                self.assertEqual("G1 A:1 is handed out again" in fault, not exceptions, fault)

    def test_what_an_undertaker_says_is_of_its_own_queue_s_offsets(self):
        self.story.worker("u", takes="q.dead")
        self.story.sends("A:1")
        self.story.is_handed("w1", "A:1", 0)
        self.story.say("u", "answered 1 1 7 0 1")
        self.story.say("u", "settled 1")
        self.story.answers("w1", GIVE_BACK, 0)
        self.story.works("w2", "A:1", 0, redelivered=1)
        self.story.rests(1, 1)
        self.assertEqual(self.story.judge()["fault"], "")

    def test_G2_what_comes_after_somebody_else_was_handed_it_is_answered_as_done(self):
        self.story.sends("A:1")
        self.story.is_handed("w1", "A:1", 0)
        self.story.now += 9 * LEASE_NS
        self.story.say("w2", f"alive {self.story.now + LEASE_NS}")
        self.story.is_handed("w2", "A:1", 0, redelivered=1)
        self.story.answers("w1", ACK, 0)
        self.story.is_settled("w1")
        self.assert_names("G2 A:1: what w1 said under lease 1 was answered as done")

    def test_G3_more_attempts_than_there_are(self):
        self.story.sends("A:61")
        for attempt in (1, 2, 3, 4):
            self.story.is_handed("w1", "A:61", 0, attempt=attempt, redelivered=attempt > 1)
            self.story.answers("w1", NACK, 0)
            self.story.now += LEASE_NS
        self.assert_names("G3 A:61 is handed out as attempt 4 of 3")

    def test_G3_a_retry_without_backoff_unless_a_clock_has_jumped_or_the_hub_stood_still(self):
        for excuse in ("", "clock_jumped", "hub_stood_still"):
            with self.subTest(excuse=excuse):
                self.setUp()
                self.story.sends("A:3")
                self.story.is_handed("w1", "A:3", 0)
                self.story.answers("w1", NACK, 0)
                if excuse:
                    self.story.say("torture", excuse)
                self.story.works("w1", "A:3", 0, attempt=2, redelivered=1)
                self.story.rests(1, 1)
                fault = self.story.judge()["fault"]
                self.assertEqual(fault.startswith("G3 A:3 is tried again after"), not excuse)

    def test_G3_a_dead_letter_that_nothing_had_happened_to(self):
        self.story.sends("A:1")
        self.story.say("u", "dead 0 0 q A:1 nack nack nack")
        self.assert_names("G3 A:1 is dead after 3 nacks, 0 deaths, 0 time-outs, 0 rejects; its "
                          "workers said less")

    def test_G3_a_dead_letter_that_died_too_early_or_with_others(self):
        for history, what in (("nack", "too early"),
                              ("nack death death", "it was not the only one"),
                              ("nack nack nack nack", "its workers said less")):
            with self.subTest(history=history):
                self.setUp()
                self.story.sends("A:61", "A:62")
                self.story.is_handed("w1", "A:61", 0)
                self.story.is_handed("w1", "A:62", 1)
                self.story.answers("w1", NACK, 0)
                self.story.now += LEASE_NS
                self.story.is_handed("w1", "A:61", 0, attempt=2, redelivered=1)
                self.story.say("u", f"dead 0 0 q A:61 {history}")
                self.assert_names(what)

    def test_G3_a_failure_that_is_forgotten(self):
        self.story.sends("A:61")
        for attempt in (1, 2, 1):
            self.story.is_handed("w1", "A:61", 0, attempt=attempt, redelivered=1)
            self.story.answers("w1", NACK, 0)
            self.story.now += LEASE_NS
        self.assert_names("G3 A:61 is handed out as attempt 1, after attempt 2")

    def test_G3_a_message_that_kills_whoever_begins_it_was_not_processed(self):
        self.story.sends("A:41")
        self.story.works("w1", "A:41", 0)
        self.story.rests(1, 1)
        self.assert_names("G3 A:41 cannot have been processed")

    def test_G3_G7_a_dead_letter_of_another_queue_or_at_two_places(self):
        for places, what in ((("0 0 other",), "without origin"),
                             (("0 0 q", "1 0 q"), "it lies twice among the dead letters"),
                             (("0 0 q",), "")):
            with self.subTest(places=places):
                self.setUp()
                self.story.sends("A:27")
                self.story.is_handed("w1", "A:27", 0)
                self.story.answers("w1", REJECT, 0)
                for place in places:
                    self.story.say("u", f"dead {place} A:27 reject")
                self.story.rests(1, 0, dead=1)
                fault = self.story.judge()["fault"]
                self.assertIn(what, fault)
                self.assertEqual(fault == "", what == "", fault)

    def test_G4_a_producer_whose_messages_lie_in_another_order(self):
        self.story.sends("A:2", "A:1")
        self.assert_names("G4 A:1 at 1 is out of its producer's order: 2 is at 0")

    def test_G4_a_worker_that_is_handed_the_later_one_first(self):
        self.story.sends("A:1", "A:2")
        self.story.works("w1", "A:2", 1)
        self.story.works("w1", "A:1", 0)
        self.assert_names("G4 A:1 was handed to w1 after what was accepted later")

    def test_G5_a_message_that_is_kept_twice(self):
        self.story.sends("A:1")
        self.story.works("w1", "A:1", 0)
        self.story.works("w2", "A:1", 1)
        self.assert_names("G5 A:1 is kept twice, at 0 and 1")

    def test_G7_counters_that_do_not_add_up(self):
        for counters, what in (((2, 1), "2 accepted, there are 1"), ((1, 0), "0 acked"),
                               ((1, 1, 1), "1 dead, there are 0"),
                               ((1, 1, 0, 3), "3 waiting, there are 0")):
            with self.subTest(counters=counters):
                self.setUp()
                self.story.sends("A:1")
                self.story.works("w1", "A:1", 0)
                self.story.rests(*counters)
                self.assert_names(f"G7 the hub has counted {what}")

    def test_G7_what_was_refused_and_is_kept(self):
        self.story.say("producer", "sent C~1:1")
        self.story.say("producer", "refused C~1:1 NO_SPACE")
        self.story.works("w1", "C~1:1", 0)
        self.assert_names("G7 C~1:1 was refused, and is kept all the same")

    def test_G7_what_was_never_sent_or_does_not_arrive_whole(self):
        self.story.works("w1", "A:1", 0)
        self.assert_names("G7 A:1 was handed out, and never sent")
        self.setUp()
        self.story.sends("A:1")
        self.story.say("w1", "damaged A:1")
        self.assert_names("G7 A:1 did not arrive as it was sent")

    def test_G8_what_a_worker_cannot_read(self):
        self.story.say("w1", "wrong header is no array")
        self.assert_names("G8 on the wire of w1: header is no array")

    def test_a_log_that_cannot_be_read_is_no_honest_one(self):
        self.story.say("w1", "gibberish")
        with self.assertRaises(AssertionError):
            self.story.judge()


if __name__ == "__main__":
    unittest.main(verbosity=2)
