// SPDX-License-Identifier: Apache-2.0
// G3: bounded retry, blame, dead letters.
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

QueuePolicy steady(std::uint32_t max_attempts) {
  return {.max_attempts = max_attempts, .backoff = {1s, 2.0, 5min, 0.0}};
}

}  // namespace

TEST_CASE(
    "G3 a failing message is tried max_attempts times with growing delays, then dead with its "
    "history") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.name = "w1"});
  p.send("a,b");
  hub.turn();
  CHECK(w.delivered() == "a,b");
  w.ack("a");
  w.nack("b", "first");
  hub.turn();
  hub.advance(750ms);
  CHECK(w.delivered().empty());
  hub.advance(250ms);
  CHECK(w.delivered() == "b#2");
  w.nack("b", "second");
  hub.turn();
  hub.advance(1750ms);
  CHECK(w.delivered().empty());
  hub.advance(250ms);
  CHECK(w.delivered() == "b#3");
  w.nack("b", "third");
  hub.turn();
  hub.advance(1min);
  CHECK(w.delivered().empty());
  CHECK(hub.stat("orders", "dead") == 1);
  auto& undertaker = hub.worker("orders.dead");
  CHECK(undertaker.delivered() == "b");
  const Meta& meta = undertaker.held("b").meta;
  REQUIRE(meta.history.size() == 3);
  CHECK(meta.history[0].reason == "first");
  CHECK(meta.history[2].reason == "third");
  CHECK(meta.history[1].worker == "w1");
  CHECK(meta.history[1].kind == FailureKind::nack);
  REQUIRE(meta.origin);
  CHECK(meta.origin->queue == "orders");
  CHECK(meta.origin->offset == 1);
  CHECK(hub.stat("orders", "bytes") == 0);
}

TEST_CASE("G3 a nack may name its own delay") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  w.delivered();
  w.nack("a", "busy", 10'000);
  hub.turn();
  hub.advance(9750ms);
  CHECK(w.delivered().empty());
  hub.advance(250ms);
  CHECK(w.delivered() == "a#2");
}

TEST_CASE("G3 counts and delays survive a restart") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  w.nack("a", "first");
  hub.turn();
  w.die();
  hub.restart();
  auto& second = hub.worker("orders");
  CHECK(second.delivered().empty());
  hub.advance(1s);
  CHECK(second.delivered() == "a#2");
  second.nack("a", "second");
  hub.turn();
  hub.restart();
  second.connect();
  hub.advance(2s);
  CHECK(second.delivered() == "a#3");
  second.nack("a", "third");
  hub.turn();
  CHECK(hub.worker("orders.dead").held("a").meta.history.size() == 3);
}

TEST_CASE("G3 bystanders of a death are not blamed, and the suspects go out alone, one by one") {
  HubTester hub(steady(2));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b,c");
  hub.turn();
  w.die();
  hub.advance(11s);
  auto& next = hub.worker("orders");
  CHECK(next.delivered() == "a!");
  p.send("d");
  hub.turn();
  CHECK(next.delivered().empty());  // nothing else while it holds a suspect
  next.ack("a");
  hub.turn();
  CHECK(next.delivered() == "b!");
  next.ack("b");
  hub.turn();
  CHECK(next.delivered() == "c!");
  next.ack("c");
  hub.turn();
  CHECK(next.delivered() == "d");
  CHECK(hub.stat("orders", "dead") == 0);
}

TEST_CASE(
    "G3 only the first `slots` of a dead worker are suspects; the rest come back as they were") {
  HubTester hub(steady(2));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.slots = 1});
  p.send("a,b,c");
  hub.turn();
  w.die();
  auto& healthy = hub.worker("orders", {.credit = 0});
  hub.advance(11s);
  healthy.credit(10);
  hub.turn();
  CHECK(healthy.delivered() == "a!");
  auto& other = hub.worker("orders");
  CHECK(other.delivered() == "b,c");
}

TEST_CASE("G3 a death alone counts, and the message stays alone") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  w.beat();
  hub.turn();
  w.die();
  hub.advance(11s);
  p.send("b");
  hub.turn();
  auto& next = hub.worker("orders");
  hub.advance(1s);
  CHECK(next.delivered() == "b");
  next.ack("b");
  hub.turn();
  CHECK(next.delivered() == "a#2!");
}

TEST_CASE("G3 a message on its way to a worker that was dead is a suspect, and has not failed") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  w.die();
  p.send("a");  // nobody has noticed yet
  hub.turn();
  auto& next = hub.worker("orders");
  hub.advance(11s);
  CHECK(next.delivered() == "a!");
  next.die();  // it was to be alone: whether it had begun cannot be told
  hub.advance(13s);
  CHECK(hub.worker("orders").delivered() == "a#2!");
}

TEST_CASE("G3 what could not be sent is free at once, and not to blame") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  hub.cut(w.connection());  // libzmq knows that it is gone, and the machine does not
  p.send("a");
  hub.turn();
  auto& next = hub.worker("orders");
  CHECK(next.delivered() == "a");
}

TEST_CASE(
    "G3 a session that holds a suspect gets nothing beside it after a restart of the hub either") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  w.die();
  auto& next = hub.worker("orders", {.credit = 0});
  hub.advance(11s);
  next.credit(10);
  hub.turn();
  REQUIRE(next.delivered() == "a!");
  hub.restart();
  next.connect();
  hub.turn();
  REQUIRE(next.resumed());
  next.credit(10);
  p.connect();
  hub.turn();
  p.send("c");
  hub.turn();
  CHECK(next.delivered().empty());
  next.ack("a");
  hub.turn();
  CHECK(next.delivered() == "b!");
}

namespace {

// Workers that die of "poison" once they have begun it, until it is dead. Each settles what it had
// finished by then only if `settles_early`.
std::size_t workers_killed_by_poison(HubTester& hub, bool settles_early) {
  std::size_t killed = 0;
  while (hub.stat("orders", "dead") == 0 && killed < 100) {
    auto& w = hub.worker("orders", {.credit = 1000, .slots = 256});
    for (bool dead = false; !dead;) {
      if (w.delivered().empty()) hub.advance(1s);
      if (w.holds().empty() && hub.stat("orders", "leased") == 0 &&
          hub.stat("orders", "ready") == 0 && hub.stat("orders", "delayed") == 0) {
        break;
      }
      const auto held = split(w.holds());
      std::vector<std::string> finished;
      for (const std::string& body : held) {
        if (body == "poison") {
          dead = true;
          break;
        }
        finished.push_back(body);
      }
      if (!dead || settles_early) w.ack(joined(finished));
      hub.turn();
    }
    w.die();
    ++killed;
    hub.advance(11s);
  }
  return killed;
}

}  // namespace

TEST_CASE("G3 a poison message beside a hundred innocents is dead-lettered, and none of them is") {
  for (const bool settles_early : {false, true}) {
    INFO("settles early: " << settles_early);
    HubTester hub(steady(3));
    auto& p = hub.producer("orders");
    std::vector<std::string> bodies;
    for (int i = 0; i < 100; ++i) bodies.push_back("innocent" + std::to_string(i));
    bodies.insert(bodies.begin() + 50, "poison");
    p.send_all(bodies);
    hub.turn();
    CHECK(workers_killed_by_poison(hub, settles_early) <= 5);
    auto& healthy = hub.worker("orders", {.credit = 1000});
    for (int i = 0; i < 200 && hub.stat("orders", "acked") < 100; ++i) {
      healthy.ack_all();
      hub.advance(1s);
    }
    CHECK(hub.stat("orders", "acked") == 100);
    CHECK(hub.stat("orders", "dead") == 1);
    auto& undertaker = hub.worker("orders.dead");
    CHECK(undertaker.holds() == "poison");
    CHECK(undertaker.held("poison").meta.history.back().kind == FailureKind::death);
  }
}

TEST_CASE("G3 a rejected message is dead at once, with its reason") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  w.reject("a", "no such file");
  hub.turn();
  auto& undertaker = hub.worker("orders.dead");
  CHECK(undertaker.held("a").meta.history.at(0).reason == "no such file");
  CHECK(undertaker.held("a").meta.history.at(0).kind == FailureKind::reject);
}

TEST_CASE("G3 returns with delay count towards handouts_max, plain returns do not") {
  HubTester hub(
      QueuePolicy{.max_attempts = 3, .handouts_max = 4, .backoff = {100ms, 1.0, 1s, 0.0}});
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  for (int i = 0; i < 20; ++i) {
    w.give_back("a");
    hub.turn();
  }
  CHECK(hub.stat("orders", "dead") == 0);
  for (int i = 0; i < 3; ++i) {
    w.give_back("a", 100);
    hub.turn();
    hub.advance(250ms);
    CHECK(w.holds() == "a");
  }
  w.give_back("a", 100);
  hub.turn();
  CHECK(hub.stat("orders", "dead") == 1);
  CHECK(hub.worker("orders.dead").held("a").meta.history.size() == 1);
}

TEST_CASE("G3 a handler that never ends fails its message, extend gives it more time") {
  HubTester hub(QueuePolicy{.handler_timeout = 1s, .backoff = {100ms, 1.0, 1s, 0.0}});
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  CHECK(w.delivered() == "a");
  for (int i = 0; i < 10; ++i) {
    hub.advance(4s);
    w.extend("a");
    hub.turn();
  }
  CHECK(w.delivered().empty());
  CHECK(w.exceptions().empty());
  hub.advance(13s);  // the time-out, the lease and the margin, and a look a quarter of a beat later
  CHECK(w.delivered() == "a#2");
}

TEST_CASE("G3 a dead-letter queue's messages rest in place, across restarts") {
  HubTester hub(QueuePolicy{.max_attempts = 2, .backoff = {100ms, 1.0, 1s, 0.0}});
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  w.reject("a", "bad");
  hub.turn();
  auto& undertaker = hub.worker("orders.dead");
  for (int i = 0; i < 2; ++i) {
    undertaker.nack("a", "still bad");
    hub.advance(1s);
  }
  undertaker.delivered();
  hub.advance(1min);
  CHECK(undertaker.delivered().empty());
  CHECK(hub.stat("orders.dead", "dead") == 0);
  CHECK(hub.stat("orders.dead", "delayed") == 1);
  hub.restart();
  hub.advance(1min);
  CHECK(hub.worker("orders.dead").delivered().empty());
  CHECK(hub.stat("orders.dead", "delayed") == 1);
}

TEST_CASE("G3 a move to the dead letters happens whole or not at all") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    HubTester hub({.hub = {}, .store = {.seed = seed}});
    auto& p = hub.producer("orders");
    auto& w = hub.worker("orders");
    p.send("a");
    hub.turn();
    hub.store().hold_commits(true);
    w.reject("a", "bad");
    hub.turn();
    hub.store().complete_next();  // dying is written; the move is under way
    hub.turn();
    hub.kill();
    hub.store().hold_commits(false);
    hub.start();
    hub.turn();
    CHECK(hub.stat("orders", "dead") == 1);
    CHECK(hub.stat("orders.dead", "accepted") == 1);
    CHECK(hub.worker("orders.dead").delivered() == "a");
  }
}

TEST_CASE("a worker let run dry for a suspect that another took goes on with fresh messages") {
  HubTester hub(steady(3));
  auto& p = hub.producer("orders");
  auto& first = hub.worker("orders", {.credit = 2});
  p.send("s,t");
  hub.turn();
  auto& busy = hub.worker("orders");
  p.send("x,y");
  hub.turn();
  REQUIRE(busy.delivered() == "x,y");
  first.die();
  hub.advance(11s);  // s and t are suspects; the busy one is asked to run dry
  auto& idle = hub.worker("orders");
  CHECK(idle.delivered() == "s!");
  idle.ack("s");
  hub.turn();
  CHECK(idle.delivered() == "t!");  // the last suspect is out
  busy.ack_all();
  p.send("z");
  hub.turn();
  CHECK(busy.delivered() == "z");
}
