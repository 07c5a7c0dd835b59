// SPDX-License-Identifier: Apache-2.0
// G1 and G5: what a confirm is worth, what is sent twice, and what is refused.
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

TEST_CASE("G1 nothing is confirmed before its commit is done") {
  HubTester hub;
  auto& p = hub.producer("orders");
  hub.store().hold_commits(true);
  p.send("a,b");
  hub.turn();
  CHECK(hub.store().commits_held() == 1);
  CHECK(p.confirmed().empty());
  p.send("c");  // gathers behind the commit under way
  hub.turn();
  CHECK(hub.store().commits_held() == 1);
  hub.store().complete_next();
  hub.turn();
  CHECK(p.confirmed() == "1-2");
  CHECK(hub.store().commits_held() == 1);
  hub.store().complete_next();
  hub.turn();
  CHECK(p.confirmed() == "1-3");
}

TEST_CASE("G1 nothing is handed out before the commit that holds its lease is done") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  hub.store().hold_commits(true);
  p.send("a");
  hub.turn();
  CHECK(w.delivered().empty());
  hub.store().complete_next();
  hub.turn();
  CHECK(w.delivered() == "a");
  CHECK(p.confirmed() == "1");
}

TEST_CASE("G1 no settle is answered before its commit is done") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a");
  hub.turn();
  hub.store().hold_commits(true);
  w.ack("a");
  hub.turn();
  CHECK(w.settled_upto() == 0);
  hub.store().complete_next();
  hub.turn();
  CHECK(w.settled_upto() == 1);
}

TEST_CASE("G1 no epoch is told before it is stored, so that a failed commit cannot give it twice") {
  HubTester hub;
  hub.store().hold_commits(true);
  auto& p = hub.producer("orders", {.name = "importer"});
  hub.store().complete_all();
  for (int i = 0; i < 4; ++i) hub.turn(), hub.store().complete_all();
  hub.turn();
  REQUIRE(p.opened);
  CHECK(p.epoch == 1);
}

TEST_CASE("G1 power loss takes nothing that was confirmed") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    HubTester hub({.hub = {}, .store = {.seed = seed}});
    auto& p = hub.producer("orders");
    p.send("a,b,c");
    hub.turn();
    REQUIRE(p.confirmed() == "1-3");
    hub.store().hold_commits(true);
    p.send("d");
    hub.turn();
    hub.power_cut(FaultyStore::Survivors::seeded);
    hub.store().hold_commits(false);
    hub.start();
    hub.advance(11s);
    auto& w = hub.worker("orders");
    const std::string got = w.delivered();
    CHECK((got == "a,b,c" || got == "a,b,c,d"));
  }
}

TEST_CASE("G1 a store that does not sync is caught by losing what was confirmed") {
  HubTester hub({.hub = {}, .store = {.ignore_durable = true}});
  auto& p = hub.producer("orders");
  p.send("a,b,c");
  hub.turn();
  REQUIRE(p.confirmed() == "1-3");
  hub.power_cut();
  hub.start();
  hub.advance(11s);
  CHECK(hub.worker("orders").delivered().empty());
}

TEST_CASE("G1 an answered ack survives kill -9 of the hub; power loss may repeat the delivery") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  w.ack("a");
  hub.turn();
  REQUIRE(w.settled_upto() == 1);
  hub.restart();
  w.connect();
  hub.turn();
  CHECK(w.resumed());
  CHECK(hub.stat("orders", "acked") == 1);
  w.ack("b");
  hub.turn();
  hub.power_cut();
  hub.start();
  hub.advance(11s);
  const std::string again = hub.worker("orders").delivered();
  CHECK(again.find('c') == std::string::npos);
}

TEST_CASE("G1 a demanded durability that the store cannot give is refused") {
  HubTester hub;
  auto& p = hub.producer("orders", {.durability = Durability::replicated});
  CHECK(p.errors() == "NO_DURABILITY");
  CHECK_FALSE(p.opened);
}

TEST_CASE(
    "G1 after a failed commit the hub begins anew from its store, and keeps what was confirmed") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    HubTester hub({.hub = {}, .store = {.seed = seed}});
    auto& p = hub.producer("orders");
    p.send("a");
    hub.turn();
    hub.store().fail_next_commit();
    p.send("b");
    hub.turn();
    CHECK(p.confirmed() == "1");
    CHECK_FALSE(p.goaway.empty());
    p.connect();
    hub.turn();
    p.resend();
    hub.turn();
    CHECK(hub.worker("orders").delivered() == "a,b");
    CHECK(hub.stat("orders", "accepted") == 2);
  }
}

TEST_CASE("G5 what is sent again after a lost confirm adds nothing") {
  HubTester hub;
  auto& p = hub.producer("orders");
  hub.store().hold_commits(true);
  p.send("a,b,c");
  hub.turn();
  p.lose_connection();
  hub.store().hold_commits(false);
  hub.store().complete_all();
  hub.turn();
  CHECK(p.confirmed().empty());
  p.connect();
  hub.turn();
  CHECK(p.known() == "1-3");
  p.resend();
  hub.turn();
  CHECK(p.duplicates() == "1-3");
  CHECK(hub.stat("orders", "accepted") == 3);
}

TEST_CASE("G5 a duplicate's confirm waits for the commit that holds the original") {
  HubTester hub;
  auto& p = hub.producer("orders");
  hub.store().hold_commits(true);
  p.send("a");
  hub.turn();
  p.send_at(1, "a");
  hub.turn();
  CHECK(p.duplicates().empty());
  hub.store().complete_next();
  hub.turn();
  hub.store().complete_next();
  hub.turn();
  CHECK(p.confirmed() == "1");
  CHECK(p.duplicates() == "1");
}

TEST_CASE("G5 what is sent again across kill -9 of the hub is kept once") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    HubTester hub({.hub = {}, .store = {.seed = seed}});
    auto& p = hub.producer("orders");
    hub.store().hold_commits(true);
    p.send("a,b,c");
    hub.turn();
    hub.kill();  // the commit may be in the store or not
    hub.store().hold_commits(false);
    hub.start();
    p.connect();
    hub.turn();
    p.resend();
    hub.turn();
    CHECK(hub.stat("orders", "accepted") == 3);
    CHECK(hub.worker("orders").delivered() == "a,b,c");
  }
}

TEST_CASE("G5 a named producer goes on where its last life ended") {
  HubTester hub;
  auto& first = hub.producer("orders", {.name = "importer"});
  first.send("a,b,c");
  hub.turn();
  first.die();
  hub.restart();
  auto& second = hub.producer("orders", {.name = "importer"});
  CHECK(second.epoch == 2);
  CHECK(second.known() == "1-3");
  second.send_at(2, "b,c,d");
  hub.turn();
  CHECK(second.duplicates() == "2-3");
  CHECK(second.confirmed() == "4");
  CHECK(hub.worker("orders").delivered() == "a,b,c,d");
}

TEST_CASE("G5 a newer life of a name fences the older one") {
  HubTester hub;
  auto& first = hub.producer("orders", {.name = "importer"});
  first.send("a");
  hub.turn();
  auto& second = hub.producer("orders", {.name = "importer"});
  first.send("b");
  hub.turn();
  CHECK(first.refused() == "2:FENCED");
  first.lose_connection();
  first.connect();
  hub.turn();
  CHECK(first.errors() == "FENCED");
  second.send("c");
  hub.turn();
  CHECK(second.confirmed() == "2");
}

TEST_CASE("G5 an epoch survives power loss") {
  HubTester hub;
  hub.producer("orders", {.name = "importer"});
  hub.power_cut();
  hub.start();
  CHECK(hub.producer("orders", {.name = "importer"}).epoch == 2);
}

TEST_CASE("G5 five refused, six accepted, five sent again is no duplicate") {
  HubTester hub(QueuePolicy{.message_bytes_max = 10});
  auto& p = hub.producer("orders");
  p.send_part({1, p.epoch, 1, 5, 1, 0, 0, 0}, chunk_of({"much too large"}));
  p.send_part({1, p.epoch, 1, 6, 1, 0, 0, 0}, chunk_of({"six"}));
  hub.turn();
  CHECK(p.refused() == "5:TOO_LARGE");
  CHECK(p.confirmed() == "6");
  p.send_part({1, p.epoch, 1, 5, 1, 0, 0, 0}, chunk_of({"five"}));
  hub.turn();
  CHECK(p.confirmed() == "5-6");
  CHECK(p.duplicates().empty());
}

TEST_CASE("G5 a 65th gap is refused for a while, and closing one lets it in") {
  HubTester hub;
  auto& p = hub.producer("orders");
  for (std::uint64_t i = 0; i < 65; ++i) {
    p.send_part({1, p.epoch, 1, 2 + 2 * i, 1, 0, 0, 0}, chunk_of({"m"}));
  }
  hub.turn();
  CHECK(p.refused() == "130:RETRY");
  p.send_part({1, p.epoch, 1, 1, 1, 0, 0, 0}, chunk_of({"m"}));
  p.send_part({1, p.epoch, 1, 3, 1, 0, 0, 0}, chunk_of({"m"}));
  p.send_part({1, p.epoch, 1, 130, 1, 0, 0, 0}, chunk_of({"m"}));
  hub.turn();
  CHECK(p.refused().empty());
  CHECK(hub.stat("orders", "accepted") == 67);
}

TEST_CASE("G5 an OPEN overtaken by a resume is answered once, with one epoch") {
  HubTester hub;
  hub.store().hold_reads(true);
  auto& p = hub.producer("orders", {.name = "importer"});
  p.connect();  // before the producer's row was read
  hub.turn();
  hub.store().hold_reads(false);
  hub.store().complete_all_reads();
  hub.turn();
  CHECK(p.epoch == 1);
  p.send("a");
  hub.turn();
  CHECK(p.confirmed() == "1");
}

TEST_CASE("G5 what is kept already is confirmed again, though the disk is at its reserve by now") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send("a,b");
  hub.turn();
  hub.store().set_free_bytes(0);
  hub.turn();
  p.send_part({1, p.epoch, 1, 1, 3, 0, 0, 0},
              chunk_of({"a", "b", "c"}));  // confirms were lost, say
  hub.turn();
  CHECK(p.duplicates() == "1-2");
  CHECK(p.refused() == "3:NO_SPACE");
}

TEST_CASE("G5 an OPEN that is fenced changes nothing of its producer") {
  HubTester hub;
  hub.producer("orders", {.name = "shop"}).send("x");
  hub.turn();
  hub.producer("orders", {.name = "shop"}).send("y");  // of epoch 2
  hub.turn();
  auto& older = hub.producer("others");
  protocol::Open open;
  open.handle = 7;
  open.name = "orders";
  open.role = protocol::Role::producer;
  open.source = "shop";
  open.anonymous = true;
  open.epoch = 1;
  older.say(open);
  hub.turn();
  CHECK_FALSE(older.errors().empty());
  hub.producer("orders").send("z");  // the next commit, and the reload after it
  hub.turn();
}

TEST_CASE("G7 a part that is refused for the size of its SEND is counted in the rows") {
  HubTester hub;
  auto& p = hub.producer("orders");
  protocol::Open open;
  open.handle = 2;
  open.name = "others";
  open.role = protocol::Role::producer;
  open.source = "second";
  p.say(open);
  hub.turn();
  const std::vector<Slice> frames(3, chunk_of({std::string(1'000'000, 'x')}));
  protocol::Send send;
  for (const auto& [handle, seq] : {std::pair(1U, 1U), {1U, 2U}, {2U, 1U}}) {
    protocol::Send::Part part;
    part.handle = handle;
    part.epoch = part.floor = part.count = 1;
    part.seq = seq;
    send.parts.push_back(part);
  }
  p.say(send, frames);
  hub.turn();
  CHECK(hub.stat("others", "refused") == 1);
  hub.restart();
  CHECK(hub.stat("others", "refused") == 1);
}
