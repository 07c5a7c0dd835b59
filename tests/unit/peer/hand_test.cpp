// SPDX-License-Identifier: Apache-2.0
// Hands of several runs: retries come as a run each, and are handed out together.
#include "patterns/peer/hand.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/peer/working.hpp"

using namespace pawl;
using namespace pawl::testing;
using protocol::Verb;
using std::chrono::milliseconds;

namespace {

std::string body_of(const Entry& entry) {
  return {reinterpret_cast<const char*>(entry.body.data()), entry.body.size()};
}

// Three retries and their neighbours, of three leases: 0+2, 10+1 and 20+3.
void deliver_three(Working& w, std::uint32_t attempt = 1) {
  w.deliver(1, 0, 2, attempt);
  w.deliver(2, 10, 1, attempt);
  w.deliver(3, 20, 3, attempt);
}

}  // namespace

TEST_CASE("the messages of a hand are read run by run") {
  auto runs = std::make_shared<const std::vector<Run>>(std::vector<Run>{
      {1, 1, 0, 7, 2, 1, 0, chunk_of({"a", "b"}), 0},
      {2, 2, 0, 70, 1, 2, 0, chunk_of({"c"}), 2},
      {3, 3, 0, 700, 3, 3, 0, chunk_of({"d", "e", "f"}), 3},
  });
  const Hand hand{1, 6, runs};
  HandReader reader(hand);
  std::string read;
  for (std::uint32_t i = 0; i < hand.count; ++i) {
    Entry entry;
    const Run& run = reader.next(entry);
    read += body_of(entry) + std::to_string(run.offset + (i - run.first)) + ' ';
  }
  CHECK(read == "a7 b8 c70 d700 e701 f702 ");
}

TEST_CASE("runs that come one by one are one hand, and each outcome is of its own run") {
  Working w;
  w.open();
  deliver_three(w);
  const auto hand = w.start(6);
  CHECK(w.finish(hand, 1, 3, Verb::nack, "why") ==
        Lines{"SETTLE 1: nack 1+1 (why) nack 10+1 (why) nack 20+1 (why)"});
  CHECK(w.finish(hand, 4, 2) == Lines{"SETTLE 2: ack 21+2"});
  CHECK(w.machine.has_hand(hand));
  CHECK(w.finish(hand, 0, 1) == Lines{"SETTLE 3: ack 0+1"});
  CHECK_FALSE(w.machine.has_hand(hand));
  CHECK(w.machine.counts().stale == 0);
}

TEST_CASE("a hand ends before a run that would have to be cut, and at what may be started") {
  Working w(100, 4);
  w.open();
  deliver_three(w);
  const auto first = w.machine.start(5, w.now);
  REQUIRE(first);
  CHECK(first->count == 3);
  CHECK(first->runs->size() == 2);
  const auto second = w.machine.start(5, w.now);
  REQUIRE(second);
  CHECK(second->count == 1);  // the last slot
  CHECK(second->runs->front().offset == 20);
  CHECK_FALSE(w.machine.start(5, w.now));
}

TEST_CASE("what was taken out of a hand of several runs is ready again, run by run") {
  Working w;
  w.open();
  deliver_three(w);
  const auto hand = w.start(6);
  const std::uint32_t from = GENERATE(0, 1, 2, 3, 4, 6);
  CAPTURE(from);
  CHECK(w.apply(Untouched{hand, from}).empty());
  CHECK(w.machine.ready_messages() == 6 - from);
  CHECK(w.machine.in_hand() == from);
  if (from > 0) CHECK(w.finish(hand, 0, from).size() == 1);
  std::vector<std::uint64_t> offsets;
  const auto again = w.machine.start(6, w.now);
  REQUIRE(again.has_value() == (from < 6));
  if (!again) return;
  CHECK(again->count == 6 - from);
  HandReader reader(*again);
  for (std::uint32_t i = 0; i < again->count; ++i) {
    Entry entry;
    const Run& run = reader.next(entry);
    offsets.push_back(run.offset + (i - run.first));
  }
  const std::vector<std::uint64_t> all{0, 1, 10, 20, 21, 22};
  CHECK(offsets == std::vector<std::uint64_t>(all.begin() + from, all.end()));
  w.finish(again->id, 0, again->count);
  w.settled(2);
  CHECK(w.machine.counts().acked == 6);
}

TEST_CASE("G3 a handler that takes too long fails the message that it has, whose run it may be") {
  Working w;
  w.open(1000);
  deliver_three(w);
  const auto hand = w.start(6);
  w.apply(Begun{hand, 2, 1, true});
  w.now += milliseconds(900);
  CHECK(w.apply(Extend{hand, 2}) == Lines{"SETTLE 1: extend 10+1"});
  w.now += milliseconds(999);
  CHECK(w.turn().empty());
  w.now += milliseconds(1);
  CHECK(w.turn() == Lines{"SETTLE 2: nack 10+1 (handler time-out)"});
  REQUIRE(w.last.timed_out.size() == 1);
  CHECK(w.last.timed_out.front().first == 2);
}

TEST_CASE("G1 a resume lists what is held of each run of a hand") {
  Working w;
  w.open();
  deliver_three(w);
  const auto hand = w.start(6);
  w.finish(hand, 1, 1);
  w.settled(1);
  const Lines hello = w.reconnect(true);
  REQUIRE_FALSE(hello.empty());
  CHECK_THAT(hello.back(), Catch::EndsWith("held 1:0+1 held 2:10+1 held 3:20+3"));
}
