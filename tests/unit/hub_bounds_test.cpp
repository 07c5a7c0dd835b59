// SPDX-License-Identifier: Apache-2.0
// G6 and G7: what is bounded, and what is counted.
#include <catch2/catch.hpp>

#include "core/limits.hpp"
#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

HubTester::Options without_reload() {
  HubTester::Options options;
  options.reload_after_commit = false;  // of a backlog, each would read all of it
  return options;
}

}  // namespace

TEST_CASE(
    "G6 a backlog of many chunks is paged in from the store, in order, within the cache's bound") {
  HubTester hub(without_reload());
  auto& p = hub.producer("orders");
  constexpr std::size_t chunks = 1500;  // of 33 KB: more than the window, the cache and a page hold
  for (std::size_t i = 0; i < chunks; ++i) {
    p.send_all({std::to_string(i) + std::string(33 * 1024, '.')});
    if (i % 64 == 63) hub.turn();
  }
  hub.turn();
  REQUIRE(p.confirmed() == "1-1500");
  CHECK(hub.machine().bodies_in_memory() <= limits::chunk_cache_bytes);
  hub.restart();
  CHECK(hub.machine().bodies_in_memory() == 0);
  auto& w = hub.worker("orders", {.credit = 100});
  std::size_t next = 0;
  while (next < chunks) {
    REQUIRE_FALSE(w.hands.empty());
    for (const auto& one : w.hands) {
      if (one.settled) continue;
      REQUIRE(one.body.substr(0, one.body.find('.')) == std::to_string(next));
      ++next;
    }
    const std::size_t held = split(w.holds()).size();
    w.ack_all();
    w.credit(held);
    w.beat();
    hub.turn();
    REQUIRE(hub.machine().bodies_in_memory() <= limits::chunk_cache_bytes);
  }
  hub.turn();
  CHECK(hub.stat("orders", "bytes") == 0);
  CHECK(hub.store().written().count(Space::chunks) == 0);
}

TEST_CASE("G6 a producer's credit is a window, not the backlog") {
  HubTester hub;
  auto& p = hub.producer("orders");
  CHECK(p.credit_messages <= 64 * 1024);
  CHECK(p.credit_bytes <= limits::producer_window_bytes_max);
  p.send("a,b,c");
  hub.turn();
  CHECK(p.credit_messages <= p.used_messages + 64 * 1024);
}

TEST_CASE("G6 a worker is given no more than its credit, and one message at least of its bytes") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send("aaaaaaaaaaaaaaaaaaaa,b,c,d");
  hub.turn();
  auto& w = hub.worker("orders", {.credit = 2});
  CHECK(split(w.delivered()).size() == 2);
  auto& tiny = hub.worker("orders", {.credit = 10, .credit_bytes = 1});
  CHECK(tiny.delivered() == "c");
  hub.advance(1s);
  CHECK(tiny.delivered().empty());
}

TEST_CASE("G6 a worker that does not say what it received is given 1,024 deliveries and no more") {
  HubTester hub(without_reload());
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 5000});
  w.acknowledges = false;
  for (int i = 0; i < 1200; ++i) {
    p.send("m");
    hub.turn();
  }
  CHECK(w.hands.size() == limits::delivers_unreceived_max);
  w.acknowledges = true;
  w.beat();
  hub.turn();
  CHECK(w.hands.size() == 1200);
}

TEST_CASE("G6 hold_back grants no credit past max_messages, and again when there is room") {
  HubTester hub(QueuePolicy{.max_messages = 4, .overflow = Overflow::hold_back});
  auto& p = hub.producer("orders");
  CHECK(p.credit_messages == 4);
  p.send("a,b,c,d");
  hub.turn();
  CHECK(p.confirmed() == "1-4");
  CHECK(p.credit_messages == 4);
  auto& w = hub.worker("orders");
  w.ack("a,b");
  hub.turn();
  CHECK(p.credit_messages == 6);
  CHECK(p.refused().empty());
}

TEST_CASE("G6 refuse lets in what there is room for, and counts the rest") {
  HubTester hub(QueuePolicy{.max_messages = 2, .overflow = Overflow::refuse});
  auto& p = hub.producer("orders");
  p.send("a,b,c,d");
  hub.turn();
  CHECK(p.confirmed() == "1-2");
  CHECK(p.refused() == "3:FULL,4:FULL");
  CHECK(hub.stat("orders", "refused") == 2);
}

TEST_CASE("G6 drop_oldest moves what is over the limit to the dead letters, at once and no more") {
  HubTester hub(QueuePolicy{.max_messages = 3, .overflow = Overflow::drop_oldest});
  auto& p = hub.producer("orders");
  p.send("a,b,c,d,e");
  hub.turn();
  CHECK(hub.stat("orders", "ready") == 3);
  CHECK(hub.stat("orders", "dead") == 2);
  auto& w = hub.worker("orders", {.credit = 2});
  CHECK(w.delivered() == "c,d");
  w.ack("c,d");
  p.send("f,g");  // in the same turn as the acks: there is room for both
  hub.turn();
  CHECK(hub.stat("orders", "dead") == 2);
  CHECK(hub.stat("orders", "ready") == 3);
  auto& undertaker = hub.worker("orders.dead");
  CHECK(undertaker.delivered() == "a,b");
  CHECK(undertaker.held("a").meta.history.at(0).kind == FailureKind::overflow);
}

TEST_CASE("G6 drop_oldest leaves alone what is leased") {
  HubTester hub(QueuePolicy{.max_messages = 2, .overflow = Overflow::drop_oldest});
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 2});
  p.send("a,b");
  hub.turn();
  CHECK(w.delivered() == "a,b");
  p.send("c,d");
  hub.turn();
  CHECK(hub.worker("orders.dead").delivered() == "c,d");
  w.ack("a,b");
  hub.turn();
  CHECK(w.exceptions().empty());
}

TEST_CASE(
    "G6 a queue with too many failing messages hands out nothing fresh until some have ended") {
  HubTester hub(without_reload());
  auto& p = hub.producer("orders");
  const std::string reason(1000, 'r');
  auto& w = hub.worker("orders", {.credit = 100'000});
  const std::vector<std::string> bodies(4096, "m");
  for (int i = 0; i < 16; ++i) {  // 64 K messages, each with more than a KiB of history
    p.send_all(bodies);
    hub.turn();
    if (w.hands.empty()) break;
    const TestWorker::Held first = w.hands.front();
    w.hands.clear();
    for (std::uint64_t at = 0; at < 4096; at += 1024) {  // a longer range keeps less of its reason
      w.settle_row(
          {protocol::Verb::nack, first.lease, 0, first.offset + at, 1024, 3600'000, reason});
    }
    hub.turn();
  }
  w.hands.clear();
  p.send("fresh");
  hub.turn();
  CHECK(w.hands.empty());
  const std::uint64_t delayed = hub.stat("orders", "delayed");
  CHECK(delayed > 40'000);
  CHECK(delayed < 64'000);
}

TEST_CASE(
    "G6 a full disk refuses sends and lets settles through, and all goes on when there is room") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  hub.store().set_free_bytes(0);
  hub.turn();
  p.send("b");
  w.ack("a");
  hub.turn();
  CHECK(p.refused() == "2:NO_SPACE");
  CHECK(w.settled_upto() == 1);
  hub.store().set_free_bytes(1'000'000'000);
  hub.turn();
  p.resend();
  hub.turn();
  CHECK(p.confirmed() == "1-2");
}

TEST_CASE(
    "G6 at the disk's reserve a dying message stays where it is, and moves when there is room") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  hub.store().set_free_bytes(0);
  hub.turn();
  w.reject("a", "bad");
  hub.turn();
  CHECK(hub.stat("orders", "dead") == 0);
  hub.store().set_free_bytes(1'000'000'000);
  hub.turn();
  CHECK(hub.stat("orders", "dead") == 1);
}

TEST_CASE("G7 counters add up: what was accepted is acked, dead, or still there") {
  HubTester hub(QueuePolicy{.max_attempts = 2, .backoff = {100ms, 1.0, 1s, 0.0}});
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 6});
  p.send("a,b,c,d,e,f,g,h");
  hub.turn();
  w.ack("a,b");
  w.nack("c", "once");
  w.reject("d", "bad");
  hub.turn();
  const auto number = [&](const char* name) { return hub.stat("orders", name); };
  CHECK(number("accepted") == 8);
  CHECK(number("acked") == 2);
  CHECK(number("dead") == 1);
  CHECK(number("retried") == 1);
  CHECK(number("leased") == 2);
  CHECK(number("delayed") == 1);
  CHECK(number("ready") == 2);
  hub.restart();
  CHECK(number("accepted") == 8);
  CHECK(number("acked") + number("dead") + number("leased") + number("delayed") + number("ready") ==
        8);
  CHECK(hub.stat("orders.dead", "accepted") == 1);
}

TEST_CASE("G6 one message that stays does not pin the chunk that it came in") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send_all(
      {"stays", std::string(20'000, 'x'), std::string(20'000, 'y'), std::string(20'000, 'z')});
  p.send("a,b,c,d,e");
  hub.turn();
  w.nack("stays", "later", 3600'000);
  w.ack_all();
  hub.turn();
  CHECK(hub.stat("orders", "bytes") > 60'000);
  hub.advance(5s);
  CHECK(hub.stat("orders", "bytes") < 100);
  hub.restart();
  w.connect();
  hub.turn();
  w.delivered();
  hub.advance(1h);
  CHECK(w.delivered() == "stays#2");
}

TEST_CASE("G6 chunks that a few messages pin are emptied when every peer has gone, too") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 1'000});
  constexpr int chunks = 40;
  for (int i = 0; i < chunks; ++i) {
    p.send_all({"stays", std::string(60'000, 'x'), std::string(60'000, 'y'), "z"});
    hub.turn();
    w.nack("stays", "later", 3600'000);
    w.ack_all();
    hub.turn();
  }
  p.bye();
  w.bye();
  hub.turn();
  hub.restart();
  CHECK(hub.stat("orders", "bytes") > chunks * 120'000);
  // Only what the machine asks for wakes it.
  const HubTime before = hub.now().hub;
  while (hub.stat("orders", "bytes") > chunks * 100) {
    const auto sleep = hub.machine().time_to_next_deadline(hub.now());
    REQUIRE(sleep);
    REQUIRE(*sleep < 1h - 10s);
    hub.advance(*sleep);
  }
  CHECK(hub.now().hub - before < 3s);
  hub.advance(1s);
  CHECK(hub.machine().time_to_next_deadline(hub.now()).value_or(24h) > 1h - 10s);
}

TEST_CASE("G6 more sparse chunks than are noted at a time are emptied, too") {
  HubTester hub(without_reload());
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 1'000'000});
  constexpr std::uint64_t chunks = 4096 + 300;
  for (std::uint64_t i = 0; i < chunks; ++i) {
    p.send_all({"stays", "b", "c", std::string(200, 'd')});
    while (w.hands.empty()) hub.one_turn_unchecked();
    const auto first = w.hands.front();
    w.hands.clear();
    w.settle_row({protocol::Verb::nack, first.lease, 0, first.offset, 1, 3600'000, "later"});
    w.settle_row({protocol::Verb::ack, first.lease, 0, first.offset + 1, 3, {}, {}});
    hub.one_turn_unchecked();
  }
  CHECK(hub.stat("orders", "bytes") > chunks * 200);
  hub.advance_unchecked(10s);
  CHECK(hub.stat("orders", "bytes") < chunks * 50);
}

TEST_CASE("G6 what is emptied of many queues at once fits into a commit") {
  HubTester hub(without_reload());
  for (int q = 0; q < 20; ++q) {
    const std::string name = "q" + std::to_string(q);
    auto& p = hub.producer(name);
    auto& w = hub.worker(name, {.credit = 1'000'000});
    for (int i = 0; i < 12; ++i) {
      p.send_all({std::string(100'000, 's'), "b", "c", "d"});
      hub.turn();
      const auto first = w.hands.front();
      w.hands.clear();
      w.settle_row({protocol::Verb::nack, first.lease, 0, first.offset, 1, 3600'000, "later"});
      w.settle_row({protocol::Verb::ack, first.lease, 0, first.offset + 1, 3, {}, {}});
      hub.turn();
    }
  }
  std::size_t most = 0, all = 0;
  Now now = hub.now();
  for (int i = 0; i < 100; ++i) {
    now.mono += 100ms;
    now.hub = now.hub + Duration(100ms);
    hub.machine().tick(now, true);
    const auto sealed = hub.machine().seal(now);
    most = std::max(most, bytes_of(sealed.commit));
    all += bytes_of(sealed.commit);
    hub.machine().on_committed();
  }
  CHECK(all > 15'000'000);  // what is at hand: nobody reads here
  CHECK(most < 2'000'000);
}

TEST_CASE("G6 one session holds no more than its bound, whatever credit it grants") {
  HubTester hub(without_reload());
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.credit = 1'000'000});
  const std::vector<std::string> bodies(4096, "m");
  for (int i = 0; i < 12; ++i) {
    p.send_all(bodies);
    hub.turn();
  }
  CHECK(w.hands.size() > 0);
  CHECK(hub.stat("orders", "leased") == limits::held_messages_max);
  CHECK(hub.stat("orders", "ready") == 12 * 4096 - limits::held_messages_max);
}

TEST_CASE(
    "G6 messages that are held do not pin the chunk that they came in, and stay with their "
    "holder") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  std::vector<std::string> bodies;
  for (char c = 'a'; c <= 'z'; ++c) bodies.emplace_back(1, c);
  for (std::size_t i = 2; i < 24; ++i) bodies[i] += std::string(5'000, 'x');
  p.send_all(bodies);
  hub.turn();
  // Held: the first, the last two as one run, and one that has failed before.
  w.nack("b", "", 1);
  hub.turn();
  hub.advance(10ms);
  CHECK(w.delivered().ends_with("b#2"));
  for (std::size_t i = 2; i < 24; ++i) w.ack(bodies[i]);
  hub.turn();
  CHECK(hub.stat("orders", "bytes") > 100'000);
  hub.advance(5s);
  CHECK(hub.stat("orders", "bytes") < 100);
  CHECK(hub.stat("orders", "leased") == 4);

  hub.restart();
  auto& other = hub.worker("orders");
  w.connect();
  hub.turn();
  CHECK(w.resumed());
  CHECK(other.delivered().empty());
  w.ack("a,z");
  hub.turn();
  CHECK(w.exceptions().empty());
  CHECK(hub.stat("orders", "acked") == 24);
  w.bye();
  hub.turn();
  CHECK(other.delivered() == "b#2,y");
  other.ack_all();
  hub.turn();
  CHECK(other.exceptions().empty());
  CHECK(hub.stat("orders", "bytes") == 0);
}
