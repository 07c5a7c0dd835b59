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

TEST_CASE("nobody wants messages: what was not begun goes back, and then the credit") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  const auto hand = w.start(4);
  CHECK(w.apply(Unwant{}) == Lines{"SETTLE 1: return 4+6"});
  CHECK(w.last.recall == UINT64_MAX);
  CHECK(w.apply(Untouched{hand, 1}) == Lines{"SETTLE 2: return 1+3"});
  CHECK(w.settled(1).empty());
  CHECK(w.settled(2) == Lines{"HELLO token got 1 held 1:0+1"});
  CHECK(w.last.peer.events.empty());
  CHECK(w.hub(welcome(true)) == Lines{"OPEN q epoch 0"});
  CHECK(w.hub(w.opened()).empty());
  CHECK(w.last.peer.events.empty());  // who watches the connection sees nothing of it
  CHECK(w.machine.counts().returned == 9);
  CHECK(w.finish(hand, 0, 1) == Lines{"SETTLE 3: ack 0+1"});
  w.settled(3);
  CHECK(w.machine.is_empty());
  CHECK(w.apply(Want{}) == Lines{"CREDIT 100"});
  CHECK(w.deliver(2, 10, 1).empty());
  CHECK(w.machine.ready_messages() == 1);
}

TEST_CASE("what comes while nobody wants it is free again with the credit") {
  Working w;
  w.open();
  w.deliver(1, 0, 2);
  w.apply(Unwant{});
  CHECK(w.deliver(2, 10, 3).empty());
  CHECK(w.settled(1) == Lines{"HELLO token got 2"});
  CHECK(w.machine.is_empty());
  CHECK(w.machine.counts().returned == 5);
  // On its way when the hub read that: it was never received.
  CHECK(w.deliver(3, 20, 1).empty());
  CHECK(w.machine.is_empty());
  w.hub(welcome(true));
  w.hub(w.opened());
  w.apply(Want{});
  w.number = 2;
  w.deliver(4, 20, 1);
  CHECK(w.machine.ready_messages() == 1);
}

TEST_CASE("a worker without credit left has none to withdraw") {
  Working w(10, 10);
  w.open();
  w.deliver(1, 0, 10);
  CHECK(w.apply(Unwant{}) == Lines{"SETTLE 1: return 0+10"});
  CHECK(w.settled(1).empty());
  CHECK(w.machine.session().established());
}

TEST_CASE("somebody wants messages again before the credit is gone: nothing has happened") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  w.apply(Unwant{});
  CHECK(w.apply(Want{}).empty());
  CHECK(w.settled(1).empty());
  CHECK(w.machine.session().established());
}

TEST_CASE("a connection lost while the credit is withdrawn is told as lost, and resumed") {
  Working w;
  w.open();
  CHECK(w.apply(Unwant{}) == Lines{"HELLO token got 0"});
  w.apply(SocketFailed{"test"});
  REQUIRE(w.last.peer.events.size() == 1);
  CHECK(w.last.peer.events[0].state == ConnectionState::lost);
  w.now = w.machine.next_deadline();
  CHECK(w.turn() == Lines{"(new socket)", "HELLO token got 0"});
}

TEST_CASE("leaving while the credit is withdrawn ends the session all the same") {
  Working w;
  w.open();
  w.apply(Unwant{});
  CHECK(w.apply(Leave{}) == Lines{"BYE"});
}
