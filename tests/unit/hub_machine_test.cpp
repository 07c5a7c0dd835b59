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

TEST_CASE("a chunk that is not in the store ends the hub with a sentence, not with endless reads") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send("a");
  hub.turn();
  hub.kill();
  hub.store().lose_chunks();
  hub.start();
  CHECK(hub.last_failure().empty());
  hub.worker("orders");
  CHECK_THAT(hub.last_failure(), Catch::Contains("lacks one that must be there"));
}

TEST_CASE("the default dead letters of a queue can be opened before anything has died") {
  HubTester hub;
  const std::string name(123, 'n');
  hub.producer(name).send("a");
  hub.turn();
  auto& w = hub.worker(name + ".dead");
  CHECK(w.opened);
  hub.restart();
  w.connect();
  hub.turn();
  CHECK(w.opened);
  CHECK_FALSE(hub.worker(std::string(123, 'm') + ".dead").opened);
}
