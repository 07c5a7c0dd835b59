// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/worker_machine.hpp"

#include <catch2/catch.hpp>

#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "tests/unit/peer/working.hpp"

using namespace pawl;
using namespace pawl::testing;
using protocol::Verb;

TEST_CASE("a worker asks for messages only when somebody wants them") {
  Working w;
  w.turn();
  CHECK(w.hub(welcome()) == Lines{"OPEN q epoch 0"});
  CHECK(w.hub(w.opened()).empty());
  CHECK(w.apply(Want{}) == Lines{"CREDIT 100"});
}

TEST_CASE("G6 credit is given as messages are settled, and never for more than prefetch") {
  Working w(100, 100);
  w.open();
  CHECK(w.deliver(1, 0, 100).empty());
  const auto hand = w.start(10);
  CHECK(w.finish(hand, 0, 10) == Lines{"SETTLE 1: ack 0+10"});
  const auto more = w.start(20);
  CHECK(w.finish(more, 0, 20) == Lines{"SETTLE 2: ack 10+20", "CREDIT 130"});
}

TEST_CASE("a thousand acks in a run are one row") {
  Working w(1000, 1000);
  w.open();
  w.deliver(1, 0, 600);
  w.deliver(1, 600, 400);
  WorkerEffects effects;
  while (const auto hand = w.machine.start(128, w.now)) {
    const Finished all{hand->id, 0, hand->count, Verb::ack, {}, {}};
    w.machine.apply(all, w.now, effects);
  }
  w.machine.tick(w.now, effects);
  CHECK(w.carry(std::move(effects)) == Lines{"SETTLE 1: ack 0+1000", "CREDIT 2000"});
}

TEST_CASE("a SETTLE holds as many rows as surely fit a header, whatever their numbers are") {
  constexpr std::uint32_t count = 1100;
  Working w(count, count);
  w.open();
  w.deliver(1, 0, count);
  WorkerEffects effects;
  while (const auto hand = w.machine.start(1, w.now)) {
    w.machine.apply(Finished{hand->id, 0, 1, Verb::nack, 1U << 31, std::string(24, 'r')}, w.now,
                    effects);
  }
  w.machine.tick(w.now, effects);
  std::size_t rows = 0;
  for (const WireMessage& sent : effects.peer.sends) {
    const auto message = protocol::decode(sent.header);
    REQUIRE(message);
    const auto* settle = std::get_if<protocol::Settle>(&*message);
    if (settle == nullptr) continue;
    std::size_t bytes = protocol::header_overhead_max;
    for (const auto& row : settle->rows) bytes += protocol::encoded_bytes_max(row);
    CHECK(bytes <= limits::header_bytes_max);
    rows += settle->rows.size();
  }
  CHECK(rows == count);
}

TEST_CASE("G3 no more is started than there are slots, in the order of delivery") {
  Working w(100, 8);
  w.open();
  w.deliver(1, 0, 5);
  w.deliver(2, 50, 5);
  CHECK(w.machine.start(100, w.now)->runs->front().offset == 0);
  const auto second = w.machine.start(100, w.now);
  CHECK(second->runs->front().offset == 50);
  CHECK(second->count == 3);
  CHECK_FALSE(w.machine.start(1, w.now));
  w.finish(second->id, 0, 1);
  CHECK(w.machine.start(100, w.now)->count == 1);
}

TEST_CASE("each outcome is settled with its reason and delay") {
  Working w;
  w.open();
  w.deliver(1, 0, 4);
  const auto hand = w.start(4);
  WorkerEffects effects;
  w.machine.apply(Finished{hand, 0, 1, Verb::ack, {}, {}}, w.now, effects);
  w.machine.apply(Finished{hand, 1, 1, Verb::nack, 250, "printer on fire"}, w.now, effects);
  w.machine.apply(Finished{hand, 2, 1, Verb::reject, {}, "no such thing"}, w.now, effects);
  w.machine.apply(Finished{hand, 3, 1, Verb::give_back, {}, {}}, w.now, effects);
  w.machine.tick(w.now, effects);
  CHECK(w.carry(std::move(effects)) ==
        Lines{"SETTLE 1: ack 0+1 nack 1+1 in 250 (printer on fire) reject 2+1 (no such thing) "
              "return 3+1"});
  CHECK_FALSE(w.machine.is_empty());
  w.settled(1);
  CHECK(w.machine.is_empty());
  CHECK(w.machine.counts().acked == 1);
  CHECK(w.machine.counts().nacked == 1);
  CHECK(w.machine.counts().rejected == 1);
  CHECK(w.machine.counts().returned == 1);
}

TEST_CASE("G2 a settle that the hub calls stale is counted so, and not as acked") {
  Working w;
  w.open();
  w.deliver(1, 0, 3);
  w.finish(w.start(3), 0, 3);
  w.settled(1, {{1, {0, 1, 1}, Code::stale}});
  CHECK(w.machine.counts().acked == 2);
  CHECK(w.machine.counts().stale == 1);
}

TEST_CASE(
    "G1 a resume lists everything without an answer and settles again under the same number") {
  Working w;
  w.open();
  w.deliver(1, 0, 4);
  w.deliver(2, 10, 2);
  const auto hand = w.start(4);
  w.finish(hand, 0, 2);
  CHECK(w.reconnect(true) == Lines{"(new socket)", "HELLO token got 2 held 1:0+4 held 2:10+2"});
  CHECK(w.hub(w.opened()) == Lines{"SETTLE 1: ack 0+2", "CREDIT 96"});
  CHECK(w.finish(hand, 2, 2) == Lines{"SETTLE 2: ack 2+2"});
  w.settled(2, {{1, {0, 0, 2}, Code::already_settled}});
  CHECK(w.machine.counts().acked == 4);
}

TEST_CASE("G2 without a resume everything at hand is lost, and late outcomes are stale") {
  Working w;
  w.open();
  w.deliver(1, 0, 4);
  const auto hand = w.start(2);
  w.reconnect(false);
  CHECK(w.last.all_lost);
  CHECK(w.hub(w.opened()) == Lines{"CREDIT 100"});
  CHECK(w.finish(hand, 0, 2).empty());
  CHECK(w.machine.counts().stale == 2);
  CHECK_FALSE(w.machine.start(1, w.now));
}

TEST_CASE("G2 nothing is started once the belief in the leases has ended") {
  Working w;
  w.open();
  w.deliver(1, 0, 4);
  w.now += milliseconds(9'999);
  CHECK(w.machine.start(1, w.now));
  w.now += milliseconds(1);
  CHECK_FALSE(w.machine.start(1, w.now));
}

TEST_CASE("RECALL gives back what is ready, latest first, and asks hands for the rest") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  w.start(4);
  CHECK(w.hub(protocol::Recall{1, 2}) == Lines{"SETTLE 1: return 8+2"});
  CHECK(w.last.recall == 0);
  CHECK(w.hub(protocol::Recall{1, 6}) == Lines{"SETTLE 2: return 4+4"});
  CHECK(w.last.recall == 2);
}

TEST_CASE("what was taken out of a hand is ready again, in its place") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  const auto hand = w.start(6);
  w.apply(Untouched{hand, 2});
  CHECK(w.machine.ready_messages() == 8);
  CHECK(w.machine.start(100, w.now)->runs->front().offset == 2);
  CHECK(w.finish(hand, 0, 2) == Lines{"SETTLE 1: ack 0+2"});
}

TEST_CASE("draining gives back what was not begun, lets the rest finish, and takes nothing more") {
  Working w;
  w.open();
  w.deliver(1, 0, 10);
  const auto hand = w.start(4);
  CHECK(w.apply(Drain{}) == Lines{"CREDIT 10", "SETTLE 1: return 4+6"});
  CHECK(w.last.recall == UINT64_MAX);
  CHECK(w.apply(Untouched{hand, 1}) == Lines{"SETTLE 2: return 1+3"});
  CHECK(w.deliver(2, 20, 2) == Lines{"SETTLE 3: return 20+2"});
  CHECK(w.finish(hand, 0, 1) == Lines{"SETTLE 4: ack 0+1"});
  w.settled(4);
  CHECK(w.machine.is_empty());
}

TEST_CASE("G3 a handler that takes too long fails its message, and its late outcome is stale") {
  Working w;
  w.open(1000);
  w.deliver(1, 0, 3);
  const auto hand = w.start(3);
  w.apply(Begun{hand, 0, 1, true});
  w.now += milliseconds(999);
  CHECK(w.turn().empty());
  w.now += milliseconds(1);
  CHECK(w.turn() == Lines{"SETTLE 1: nack 0+1 (handler time-out)"});
  REQUIRE(w.last.timed_out.size() == 1);
  CHECK(w.finish(hand, 0, 1).empty());
  CHECK(w.machine.counts().stale == 1);
  CHECK(w.finish(hand, 1, 2) == Lines{"SETTLE 2: ack 1+2"});
}

TEST_CASE("extend gives a handler its whole time again and tells the hub") {
  Working w;
  w.open(1000);
  w.deliver(1, 0, 1);
  const auto hand = w.start(1);
  w.apply(Begun{hand, 0, 1, true});
  w.now += milliseconds(900);
  CHECK(w.apply(Extend{hand, 0}) == Lines{"SETTLE 1: extend 0+1"});
  w.now += milliseconds(900);
  CHECK(w.turn().empty());
  CHECK(w.finish(hand, 0, 1) == Lines{"SETTLE 2: ack 0+1"});
  w.settled(2);
  CHECK(w.machine.counts().acked == 1);
}

TEST_CASE("G8 a chunk that does not hold what its row says is rejected with the reason") {
  Working w;
  w.open();
  const Lines said = w.hub(protocol::Deliver{1, 1, 5, {{0, 0, 3, 1, 0}}}, {chunk_of(2)});
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with("SETTLE 1: reject 0+3 (chunk, entry 2"));
}

TEST_CASE("rows that share a frame are runs of one hand, each as what it is") {
  Working w;
  w.open();
  protocol::Deliver message{1, ++w.number, 7, {{0, 10, 1, 2, 1}, {0, 20, 2, 3, 5}}};
  w.hub(message, {chunk_of(3)});
  const auto hand = w.machine.start(10, w.now);
  REQUIRE(hand);
  REQUIRE(hand->runs->size() == 2);
  const Run& first = hand->runs->front();
  const Run& second = hand->runs->back();
  CHECK(first.offset == 10);
  CHECK(first.attempt == 2);
  CHECK(second.offset == 20);
  CHECK(second.count == 2);
  CHECK(second.attempt == 3);
  CHECK(second.first == 1);
  CHECK(first.chunk.size + second.chunk.size == chunk_of(3).size);
  CHECK_FALSE(w.machine.start(10, w.now));
}

TEST_CASE("G8 of rows that share a frame those that are whole are started, the rest is rejected") {
  Working w;
  w.open();
  protocol::Deliver message{1, ++w.number, 7, {{0, 10, 1, 2, 1}, {0, 20, 2, 3, 5}}};
  const Lines said = w.hub(message, {chunk_of(2)});
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with("SETTLE 1: reject 20+2 (chunk, entry 1"));
  CHECK(w.machine.counts().received == 3);
  CHECK(w.machine.start(10, w.now)->runs->front().offset == 10);
  CHECK_FALSE(w.machine.start(10, w.now));
}

TEST_CASE(
    "G1 a gap in the numbers of DELIVER is a lost message: the session is resumed before it") {
  Working w;
  w.open();
  w.deliver(1, 0, 2);
  ++w.number;
  CHECK(w.deliver(3, 10, 2).empty());
  CHECK_FALSE(w.machine.session().established());
  w.now = w.machine.next_deadline();
  CHECK(w.turn() == Lines{"(new socket)", "HELLO token got 1 held 1:0+2"});
  w.hub(welcome(true));
  w.hub(w.opened());
  w.number = 1;
  w.deliver(4, 10, 2);
  CHECK(w.machine.ready_messages() == 4);
}

TEST_CASE("a worker that received many DELIVERs says so before the next beat is due") {
  Working w(10'000, 10);
  w.open();
  for (std::uint64_t i = 0; i < 255; ++i) CHECK(w.deliver(i + 1, i, 1).empty());
  CHECK(w.deliver(256, 255, 1) == Lines{"BEAT 1 got 256"});
}

TEST_CASE("leaving says BYE only when nobody works on a message any more") {
  Working w;
  w.open();
  w.deliver(1, 0, 4);
  SECTION("idle") {
    CHECK(w.apply(Leave{}) == Lines{"CREDIT 4", "SETTLE 1: return 0+4", "BYE"});
  }
  SECTION("busy") {
    w.start(1);
    CHECK(w.apply(Leave{}) == Lines{"CREDIT 4", "SETTLE 1: return 1+3"});
  }
}
