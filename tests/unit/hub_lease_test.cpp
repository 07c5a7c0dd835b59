// SPDX-License-Identifier: Apache-2.0
// G2: one holder.
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

TEST_CASE("G2 a message is with one worker only") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w1 = hub.worker("orders");
  auto& w2 = hub.worker("orders");
  p.send("a,b,c,d");
  hub.turn();
  const std::string first = w1.delivered();
  CHECK((first == "a,b" || first == "c,d"));
  CHECK(w2.delivered() == (first == "a,b" ? "c,d" : "a,b"));
  hub.advance(30s);
  CHECK(w1.delivered().empty());
  CHECK(w2.delivered().empty());
}

TEST_CASE("G2 a settle after the lease's end is stale, and changes nothing") {
  HubTester hub(QueuePolicy{.handler_timeout = 1s, .backoff = {100ms, 2.0, 1s, 0.0}});
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  const TestWorker::Held old = w.held("a");
  hub.advance(13s);  // handler time-out, lease and margin; then the backoff
  REQUIRE(w.delivered() == "a,a#2");
  w.settle_row({protocol::Verb::ack, old.lease, 0, old.offset, 1, {}, ""});
  hub.turn();
  CHECK(w.exceptions() == "0+1:STALE");
  CHECK(hub.stat("orders", "acked") == 0);
  w.ack("a");
  hub.turn();
  CHECK(w.exceptions().empty());
  CHECK(hub.stat("orders", "acked") == 1);
}

TEST_CASE("G2 one worker cannot settle what another holds, nor what nobody holds") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w1 = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  auto& w2 = hub.worker("orders");
  const TestWorker::Held& a = w1.held("a");
  w2.settle_row({protocol::Verb::ack, a.lease, 0, a.offset, 2, {}, ""});
  w2.settle_row({protocol::Verb::reject, a.lease + 1000, 0, 0, 2, {}, ""});
  hub.turn();
  CHECK(w2.exceptions() == "0+2:STALE,0+2:STALE");
  CHECK(hub.stat("orders", "leased") == 2);
}

TEST_CASE("G2 an ack sent twice is answered as settled already") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  const TestWorker::Held a = w.held("a");
  w.ack("a");
  w.settle_row({protocol::Verb::ack, a.lease, 0, a.offset, 1, {}, ""});
  hub.turn();
  CHECK(w.exceptions() == "0+1:ALREADY_SETTLED");
  CHECK(hub.stat("orders", "acked") == 1);
}

TEST_CASE("G1 a SETTLE that was lost on the way is not answered by the next: that one is refused") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b,c");
  hub.turn();
  const auto acks = [&](std::uint64_t number, std::string_view body) {
    const TestWorker::Held& one = w.held(body);
    w.say(
        protocol::Settle{1, number, {{protocol::Verb::ack, one.lease, 0, one.offset, 1, {}, ""}}});
    hub.turn();
  };
  acks(1, "a");
  acks(3, "c");
  CHECK(w.errors() == "BAD_FRAME");
  CHECK(w.settled_upto() == 1);
  CHECK(hub.stat("orders", "acked") == 1);
  w.lose_connection();
  w.connect();
  hub.turn();
  REQUIRE(w.resumed());
  acks(2, "b");
  acks(3, "c");
  CHECK(w.errors().empty());
  CHECK(w.settled_upto() == 3);
  CHECK(hub.stat("orders", "acked") == 3);
}

TEST_CASE("the first SETTLE of a session is number 1, on whichever handle") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  const TestWorker::Held& a = w.held("a");
  w.say(protocol::Settle{1, 2, {{protocol::Verb::ack, a.lease, 0, a.offset, 1, {}, ""}}});
  hub.turn();
  CHECK(w.errors() == "BAD_FRAME");
  // One that names no handle of ours counts, or all that follow it would be refused.
  w.say(protocol::Settle{9, 1, {{protocol::Verb::ack, a.lease, 0, a.offset, 1, {}, ""}}});
  w.say(protocol::Settle{1, 2, {{protocol::Verb::ack, a.lease, 0, a.offset, 1, {}, ""}}});
  hub.turn();
  CHECK(w.errors() == "BAD_FRAME");
  CHECK(hub.stat("orders", "acked") == 1);
}

TEST_CASE("G2 leases survive a restart of the hub") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  hub.restart();
  auto& other = hub.worker("orders");
  CHECK(other.delivered().empty());
  hub.advance(5s);
  w.connect();
  hub.turn();
  CHECK(w.resumed());
  hub.advance(30s);
  CHECK(other.delivered().empty());
  w.ack("a,b");
  hub.turn();
  CHECK(w.exceptions().empty());
  CHECK(hub.stat("orders", "acked") == 2);
}

TEST_CASE(
    "G2 after a restart, what a worker does not come back for goes to others when it must be "
    "over") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  w.die();
  hub.restart();
  auto& other = hub.worker("orders");
  hub.advance(10s);
  CHECK(other.delivered().empty());
  hub.advance(1s);
  CHECK(other.delivered() == "a!");
}

TEST_CASE("G2 a session resumed keeps what it lists and frees the rest") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b,c");
  hub.turn();
  w.delivered();
  w.forget("b");
  w.lose_connection();
  w.connect();
  hub.turn();
  CHECK(w.resumed());
  CHECK(w.delivered() == "b");  // uncounted: its first attempt still
  CHECK(w.holds() == "a,c,b");
  w.ack("a,b,c");
  hub.turn();
  CHECK(w.exceptions().empty());
}

TEST_CASE("G2 a delivery lost on the way is handed out again after the resume, uncounted") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  hub.store().hold_commits(true);
  p.send("a");
  hub.turn();
  w.lose_connection();
  hub.store().hold_commits(false);
  hub.store().complete_all();
  hub.turn();  // the DELIVER went to a connection that is gone
  CHECK(w.delivered().empty());
  w.connect();
  hub.turn();
  CHECK(w.delivered() == "a");
}

TEST_CASE("G2 a silent worker's messages go to others after lease and margin, not before") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  auto& other = hub.worker("orders", {.credit = 0});
  p.send("a,b");
  hub.turn();
  CHECK(w.delivered() == "a,b");
  other.credit(100);
  w.beats = false;
  hub.advance(10s + 250ms);
  CHECK(other.delivered().empty());
  hub.advance(500ms);
  CHECK(other.delivered() == "a!");
  w.ack("a");
  hub.turn();
  CHECK(w.errors() == "UNKNOWN_SESSION");
}

TEST_CASE("G2 a hub that stalled postpones every expiry by the stall") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  auto& other = hub.worker("orders", {.credit = 0});
  p.send("a");
  hub.turn();
  other.credit(100);
  hub.advance(4s);
  hub.stall(60s);
  CHECK(other.delivered().empty());
  hub.advance(30s);  // the worker beats again
  CHECK(other.delivered().empty());
  w.ack("a");
  hub.turn();
  CHECK(w.exceptions().empty());
  CHECK(w.errors().empty());
}

TEST_CASE("G2 a beat that came in while the socket was slowly read counts from the reading's end") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  auto& other = hub.worker("orders", {.credit = 0});
  p.send("a,b");
  hub.turn();
  other.credit(100);
  w.beat();
  hub.next_drain_takes(900ms);
  hub.turn();
  w.beats =
      false;  // it may have beaten at the end of those 900 ms, and believes for 10 s from then
  hub.advance(10s);
  CHECK(other.delivered().empty());
  hub.advance(1s);
  CHECK(other.delivered() == "a!");
}

TEST_CASE("G2 nobody expires while the socket was not read to its end, for a second at most") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  w.beats = false;
  hub.advance(10s + 400ms);
  const std::size_t before = hub.machine().session_count();
  hub.advance(250ms);
  CHECK(hub.machine().session_count() == before - 1);
}

TEST_CASE("G2 after power loss nothing is handed out until every old lease must be over") {
  HubTester hub;
  auto& p = hub.producer("orders");
  hub.worker("orders");
  p.send("a");
  hub.turn();
  hub.power_cut();
  hub.start();
  auto& other = hub.worker("orders");
  hub.advance(10s + 250ms);
  CHECK(other.delivered().empty());
  hub.advance(1s);
  CHECK(other.delivered() == "a");
}

TEST_CASE("G2 after power loss no session is resumed, since its leases may be gone") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  hub.turn();
  hub.advance(1s);
  p.send("a");  // synced, with the lease; the session's row too
  hub.turn();
  w.give_back("a");
  hub.turn();
  REQUIRE(w.holds() == "a");  // leased anew, and that is written only
  hub.power_cut();
  hub.start();
  w.connect();
  hub.turn();
  CHECK_FALSE(w.resumed());
  CHECK(w.holds().empty());
  hub.advance(11s);
  CHECK(w.holds() == "a");
}

TEST_CASE("G2 an end of the hub while it waits after power loss does not cut the wait short") {
  const bool cleanly = GENERATE(false, true);
  HubTester hub;
  auto& p = hub.producer("orders");
  hub.worker("orders");
  p.send("a");
  hub.turn();
  hub.power_cut();
  hub.start();
  hub.advance(2s);
  if (cleanly) hub.stop(), hub.start();
  if (!cleanly) hub.restart();
  auto& other = hub.worker("orders");
  CHECK(other.delivered().empty());
  hub.advance(8s);  // lease and margin since the power loss are 10.5 s
  CHECK(other.delivered().empty());
  hub.advance(3s);
  CHECK(other.delivered() == "a");
  other.ack("a");
  hub.turn();
  hub.restart();  // the wait is over for good
  p.connect();
  hub.turn();
  p.send("b");
  hub.turn();
  CHECK(hub.worker("orders").delivered() == "b");
}

TEST_CASE("G2 after a clean end there is nothing to wait for") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send("a");
  hub.turn();
  hub.stop();
  hub.power_cut();
  hub.start();
  CHECK(hub.worker("orders").delivered() == "a");
}

TEST_CASE("G2 BYE gives everything back at once, uncounted") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  w.bye();
  hub.turn();
  CHECK(hub.worker("orders").delivered() == "a,b");
}

TEST_CASE("G2 lease ids grow, across restarts too") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  const std::uint64_t before = w.held("a").lease;
  hub.restart();
  p.connect();
  hub.turn();
  p.send("b");
  hub.turn();
  auto& other = hub.worker("orders");
  CHECK(other.held("b").lease > before);
}

TEST_CASE("an idle worker is given what another has prefetched and not started") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& slow = hub.worker("orders");
  p.send("a,b,c,d");
  hub.turn();
  auto& idle = hub.worker("orders");
  hub.advance(2s);
  CHECK(slow.recalled >= 3);
  slow.give_back("b,c,d");
  hub.turn();
  CHECK(idle.delivered() == "b,c,d");
  CHECK(slow.delivered() == "a,b,c,d");
}

TEST_CASE("for a beat what was recalled is for others, however few they take at once") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& slow = hub.worker("orders", {.slots = 1});
  p.send("a,b,c,d,e");
  hub.turn();
  CHECK(slow.delivered() == "a,b,c,d,e");
  auto& quick = hub.worker("orders", {.credit = 1});
  hub.advance(2s);
  slow.give_back("b,c,d,e");
  hub.turn();
  CHECK(quick.delivered() == "b");
  CHECK(slow.delivered().empty());
  slow.ack("a");
  hub.turn();
  CHECK(slow.delivered() == "c");  // it is not starved either
  quick.ack("b");
  quick.credit(1);
  hub.turn();
  CHECK(quick.delivered() == "d");
  hub.advance(2500ms);  // quick never ends: after the beat there is no reason to wait for it
  CHECK(slow.delivered() == "e");
}

TEST_CASE("G2 a HELLO that a newer one has overtaken frees nothing") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  const std::vector<std::byte> overtaken = w.hello_to_come();
  w.lose_connection();
  w.connect();
  hub.turn();
  REQUIRE(w.resumed());
  p.send("a");
  hub.turn();
  REQUIRE(w.delivered() == "a");
  hub.to_hub({"a connection that its peer has closed", {overtaken, {}}});
  hub.turn();
  auto& other = hub.worker("orders");
  CHECK(other.delivered().empty());
  w.ack("a");
  hub.turn();
  CHECK(w.exceptions().empty());
}
