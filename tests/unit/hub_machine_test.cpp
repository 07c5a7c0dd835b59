// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

TEST_CASE("a message goes from a producer to a worker and is settled") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send("a,b,c");
  hub.turn();
  CHECK(p.confirmed() == "1-3");
  auto& w = hub.worker("orders");
  CHECK(w.delivered() == "a,b,c");
  w.ack("a,b");
  hub.turn();
  CHECK(w.settled_upto() == 1);
  CHECK(w.holds() == "c");
  w.nack("c", "no stock");
  hub.turn();
  hub.advance(2s);
  CHECK(w.delivered() == "c#2");
  w.ack("c");
  hub.turn();
  CHECK(hub.stat("orders", "accepted") == 3);
  CHECK(hub.stat("orders", "acked") == 3);
  CHECK(hub.stat("orders", "bytes") == 0);
}
