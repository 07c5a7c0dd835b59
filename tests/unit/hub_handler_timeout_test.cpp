// SPDX-License-Identifier: Apache-2.0
// G3: whom the hub blames when a worker neither ends a handler nor says that it took too long.
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

// The time-out, the lease and the margin, and a look a quarter of a beat later.
constexpr auto until_blamed = 1s + 10s + 500ms + 500ms;

QueuePolicy times_out(std::chrono::milliseconds backoff) {
  return {.handler_timeout = 1s, .backoff = {backoff, 1.0, 1h, 0.0}};
}

// A worker of one slot has "a" in its hands.
struct OneInHand {
  HubTester hub{times_out(100ms)};
  TestProducer& p = hub.producer("orders");
  TestWorker& w = hub.worker("orders", {.slots = 1});

  OneInHand() {
    p.send("a");
    hub.turn();
  }
};

}  // namespace

TEST_CASE("G3 what waits behind a handler that never ends comes back, and is not blamed") {
  HubTester hub(times_out(100ms));
  auto& p = hub.producer("orders");
  auto& stuck = hub.worker("orders", {.slots = 1});
  p.send("a,b,c");
  hub.turn();
  REQUIRE(stuck.delivered() == "a,b,c");
  hub.advance(until_blamed);
  CHECK(hub.stat("orders", "leased") == 0);
  hub.advance(1min);
  CHECK(stuck.delivered().empty());  // there is nobody in it who could begin them
  auto& other = hub.worker("orders");
  CHECK(other.delivered() == "a#2,b,c");
}

TEST_CASE("G2 while a worker stands still its handler's time does not run") {
  OneInHand one;
  auto& [hub, p, w] = one;
  const auto stand_still = [&] {
    w.beats = false;
    hub.advance(9s);  // it still believes in its lease, and has hardly begun
    w.beats = true;
  };
  for (int i = 0; i < 3; ++i) {
    stand_still();
    hub.advance(500ms);
  }
  stand_still();
  CHECK(hub.stat("orders", "leased") == 1);
  hub.advance(until_blamed);
  CHECK(hub.stat("orders", "leased") == 0);
}

TEST_CASE("G3 one who beats too slowly has no handler without end") {
  OneInHand one;
  auto& [hub, p, w] = one;
  w.beats = false;
  for (int i = 0; i < 10 && hub.stat("orders", "leased") == 1; ++i) {
    hub.advance(8s);
    w.beat();
    hub.turn();
    hub.advance(1s);  // a look
  }
  CHECK(hub.stat("orders", "leased") == 0);
}

TEST_CASE("G3 what was delivered during a silence is not excused for what was before it") {
  HubTester hub(times_out(100ms));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.slots = 1});
  w.beats = false;
  hub.advance(8s);
  p.send("a");
  hub.turn();
  hub.advance(1s);
  w.beats = true;
  hub.advance(until_blamed + 500ms);
  CHECK(hub.stat("orders", "leased") == 0);
}

TEST_CASE("G3 the hub's own stall excuses a handler once") {
  OneInHand one;
  auto& [hub, p, w] = one;
  hub.advance(1s);
  w.beat();  // is read before the hub knows that it stood still
  hub.stall(60s);
  hub.advance(until_blamed + 1s);
  CHECK(hub.stat("orders", "leased") == 0);
}

TEST_CASE("G3 what waits for a slow disk is with no handler yet, and its time does not run") {
  HubTester hub(times_out(100ms));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.slots = 1});
  p.send("a");
  hub.store().hold_commits(true);
  hub.turn();
  hub.advance(until_blamed + 10s);
  REQUIRE(w.delivered().empty());
  hub.store().hold_commits(false);
  hub.store().complete_all();
  hub.turn();
  CHECK(w.delivered() == "a");
  hub.advance(5s);
  CHECK(hub.stat("orders", "leased") == 1);
  CHECK(hub.stat("orders", "retried") == 0);
  hub.advance(until_blamed);
  CHECK(hub.stat("orders", "retried") == 1);
}

TEST_CASE("G3 of a stuck worker's messages only as many are blamed as it has slots") {
  HubTester hub(times_out(1h));
  auto& p = hub.producer("orders");
  hub.worker("orders", {.slots = 2});
  p.send("a,b,c,d");
  hub.turn();
  hub.advance(until_blamed);
  CHECK(hub.stat("orders", "delayed") == 1);
  CHECK(hub.stat("orders", "leased") == 3);
  hub.advance(until_blamed);
  CHECK(hub.stat("orders", "delayed") == 2);
  CHECK(hub.stat("orders", "ready") == 2);
  hub.advance(10min);
  CHECK(hub.stat("orders", "delayed") == 2);
}

TEST_CASE("a stuck worker is given messages again once it has finished one, however late") {
  HubTester hub(times_out(1h));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.slots = 1});
  p.send("a,b");
  hub.turn();
  REQUIRE(w.delivered() == "a,b");
  hub.advance(until_blamed);
  REQUIRE(w.delivered().empty());
  SECTION("by the late outcome") {
    w.ack("a");
    hub.turn();
    CHECK(w.exceptions() == "0+1:STALE");
  }
  SECTION("by a resume, which says what it still holds") {
    w.forget("a,b");
    w.lose_connection();
    w.connect();
    hub.turn();
  }
  CHECK(w.delivered() == "b");
}
