// SPDX-License-Identifier: Apache-2.0
// G4: log order, and what breaks it.
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {
const QueuePolicy small_refusing{.max_messages = 2, .overflow = Overflow::refuse};
}

TEST_CASE("G4 what follows a refused message is refused until that one comes again") {
  HubTester hub(small_refusing);
  auto& p = hub.producer("orders");
  p.send("a,b,c");
  p.send("d");
  hub.turn();
  CHECK(p.confirmed() == "1-2");
  CHECK(p.refused() == "3:FULL,4:RETRY");
  auto& w = hub.worker("orders");
  CHECK(w.delivered() == "a,b");
  w.ack("a,b");
  hub.turn();
  p.send("e");  // still behind the refused one
  hub.turn();
  CHECK(p.refused() == "3:FULL,4:RETRY,5:RETRY");
  p.resend();
  hub.turn();
  w.ack_all();
  hub.turn();
  CHECK(w.delivered() == "c,d");
  p.resend();
  hub.turn();
  CHECK(w.delivered() == "e");
}

TEST_CASE("G4 what was refused for an earlier one holds back what follows it, too") {
  HubTester hub(small_refusing);
  auto& p = hub.producer("orders");
  p.send("a,b");
  p.send("c");
  p.send("d");
  p.send("e");
  hub.turn();
  REQUIRE(p.refused() == "3:FULL,4:RETRY,5:RETRY");
  auto& w = hub.worker("orders");
  w.ack("a,b");
  hub.turn();
  // The answers to 4 and 5 are on their way: 3 comes again, then 5 before 4.
  p.send_part({1, p.epoch, 3, 3, 1, 0, 0, 0}, chunk_of({"c"}));
  SECTION("5 before 4") {
    p.send_part({1, p.epoch, 4, 5, 1, 0, 0, 0}, chunk_of({"e"}));
  }
  SECTION("what is new before 4") {
    p.send_part({1, p.epoch, 4, 6, 1, 0, 0, 0}, chunk_of({"f"}));
  }
  hub.turn();
  w.delivered();
  CHECK(w.holds() == "c");
  w.ack("c");
  hub.turn();
  p.send_part({1, p.epoch, 4, 4, 1, 0, 0, 0}, chunk_of({"d"}));
  p.send_part({1, p.epoch, 5, 5, 1, 0, 0, 0}, chunk_of({"e"}));
  hub.turn();
  w.delivered();
  CHECK(w.holds() == "d,e");
}

TEST_CASE("G4 an older message sent again does not let later ones past a refused one") {
  HubTester hub(small_refusing);
  auto& p = hub.producer("orders");
  p.send("a,b");
  hub.turn();
  p.send("c");
  hub.turn();
  REQUIRE(p.refused() == "3:FULL");
  auto& w = hub.worker("orders");
  w.ack("a,b");
  hub.turn();
  p.send_part({1, p.epoch, 1, 1, 1, 0, 0, 0}, chunk_of({"a"}));  // its confirm was lost, say
  p.send_part({1, p.epoch, 1, 4, 1, 0, 0, 0}, chunk_of({"d"}));
  hub.turn();
  CHECK(p.refused() == "3:FULL,4:RETRY");
  p.resend();
  p.send_part({1, p.epoch, 3, 4, 1, 0, 0, 0}, chunk_of({"d"}));
  hub.turn();
  w.delivered();
  CHECK(w.holds() == "c,d");
}

TEST_CASE("G4 a producer's order survives a lost connection") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send("a");
  hub.turn();
  p.send("b");
  p.lose_connection();  // b was on its way
  p.connect();
  hub.turn();
  p.resend();
  p.send("c");
  hub.turn();
  CHECK(hub.worker("orders").delivered() == "a,b,c");
}

TEST_CASE("G4 what comes back goes before what is fresh, lowest first") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 3});
  p.send("a,b,c,d,e");
  hub.turn();
  CHECK(w.delivered() == "a,b,c");
  w.give_back("c");
  w.give_back("a");
  hub.turn();
  w.credit(3);
  hub.turn();
  CHECK(w.delivered() == "a,c,d");
}

TEST_CASE("G4 two producers each keep their own order") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& q = hub.producer("orders");
  p.send("p1,p2");
  q.send("q1");
  p.send("p3");
  q.send("q2");
  hub.turn();
  CHECK(hub.worker("orders").delivered() == "p1,p2,q1,p3,q2");
}
