// SPDX-License-Identifier: Apache-2.0
// What a worker asks for, and what becomes of it when nobody wants messages any more.
#include <catch2/catch.hpp>

#include "tests/unit/peer/working.hpp"

using namespace pawl;
using namespace pawl::testing;

TEST_CASE("G6 a worker asks for no more than may be started") {
  Working w(100, 100);
  w.turn();
  w.hub(welcome());
  w.hub(w.opened());
  CHECK(w.apply(Want{5}) == Lines{"CREDIT 5"});
  w.deliver(1, 0, 5);
  const auto hand = w.start(3);
  CHECK(w.finish(hand, 0, 3) == Lines{"SETTLE 1: ack 0+3"});
  const auto rest = w.start(2);
  SECTION("and not again for what is settled") {
    CHECK(w.finish(rest, 0, 2) == Lines{"SETTLE 2: ack 3+2"});
    CHECK(w.apply(Want{7}) == Lines{"CREDIT 7"});
  }
  SECTION("but for what was given back unbegun") {
    w.apply(Untouched{rest, 1});
    CHECK(w.hub(protocol::Recall{1, 1}) == Lines{"SETTLE 2: return 4+1", "CREDIT 6"});
    CHECK(w.finish(rest, 0, 1) == Lines{"SETTLE 3: ack 3+1"});
  }
}

TEST_CASE("nobody wants messages: the credit goes, and what was not begun goes back") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  const auto hand = w.start(4);
  CHECK(w.apply(Unwant{}) == Lines{"CREDIT 10", "SETTLE 1: return 4+6"});
  CHECK(w.last.recall == UINT64_MAX);
  CHECK(w.apply(Untouched{hand, 1}) == Lines{"SETTLE 2: return 1+3"});
  CHECK(w.settled(1).empty());
  CHECK(w.settled(2).empty());
  CHECK(w.machine.counts().returned == 9);
  CHECK(w.finish(hand, 0, 1) == Lines{"SETTLE 3: ack 0+1"});
  w.settled(3);
  CHECK(w.machine.is_empty());
  CHECK(w.apply(Want{}) == Lines{"CREDIT 110"});
  CHECK(w.deliver(2, 10, 1).empty());
  CHECK(w.machine.ready_messages() == 1);
}

TEST_CASE("what was under way when the credit was taken back goes back too") {
  Working w;
  w.open();
  w.deliver(1, 0, 2);
  CHECK(w.apply(Unwant{}) == Lines{"CREDIT 2", "SETTLE 1: return 0+2"});
  CHECK(w.deliver(2, 10, 3) == Lines{"SETTLE 2: return 10+3"});
  w.settled(1);
  w.settled(2);
  CHECK(w.machine.is_empty());
  CHECK(w.machine.counts().returned == 5);
}

TEST_CASE("a worker without credit left has none to take back") {
  Working w(10, 10);
  w.open();
  w.deliver(1, 0, 10);
  CHECK(w.apply(Unwant{}) == Lines{"SETTLE 1: return 0+10"});
  CHECK(w.settled(1).empty());
}

TEST_CASE(
    "a worker that drains takes its credit back first, or it would be given all of it again") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  CHECK(w.apply(Drain{}) == Lines{"CREDIT 10", "SETTLE 1: return 0+10"});
}

TEST_CASE("leaving with a message in hand takes the credit back: the session goes on without it") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  w.start(1);
  CHECK(w.apply(Leave{}) == Lines{"CREDIT 10", "SETTLE 1: return 1+9"});
}
