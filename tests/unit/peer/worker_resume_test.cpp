// SPDX-License-Identifier: Apache-2.0
// What a worker lists as held at a resume, when that is more than a HELLO can hold.
#include <catch2/catch.hpp>

#include "core/limits.hpp"
#include "tests/unit/peer/working.hpp"

using namespace pawl;
using namespace pawl::testing;
using protocol::Verb;

namespace {

std::size_t held_in(const std::string& hello) {
  std::size_t count = 0;
  for (std::size_t at = hello.find(" held "); at != std::string::npos;
       at = hello.find(" held ", at + 1)) {
    ++count;
  }
  return count;
}

// Messages that are no neighbours, each under a lease of its own, and each in a hand of its own.
std::vector<std::uint64_t> start_scattered(Working& w, std::uint64_t count) {
  std::vector<std::uint64_t> hands;
  for (std::uint64_t i = 0; i < count; ++i) w.deliver(i + 1, 2 * i, 1);
  for (std::uint64_t i = 0; i < count; ++i) hands.push_back(w.start(1));
  return hands;
}

// Up to the HELLO of the next connection, which is returned.
std::string hello_again(Working& w) {
  w.now = w.machine.next_deadline();
  const Lines lines = w.turn();
  REQUIRE(lines.size() == 2);
  return lines[1];
}

}  // namespace

TEST_CASE("G2 hands that a HELLO cannot list are given up: lost at once, not worked any further") {
  Working w(4096, 4096);
  w.open();
  const auto hands = start_scattered(w, 1500);
  w.apply(SocketFailed{"test"});
  CHECK(held_in(hello_again(w)) == limits::held_ranges_max);
  REQUIRE(w.last.lost_hands.size() == 1500 - limits::held_ranges_max);
  CHECK(w.last.lost_hands.front() == hands[limits::held_ranges_max]);  // the latest are
  CHECK(w.last.lost_hands.back() == hands.back());
  CHECK(w.machine.in_hand() == limits::held_ranges_max);
  w.hub(welcome(true));
  w.hub(w.opened());
  CHECK(w.finish(hands.back(), 0, 1).empty());
  CHECK(w.machine.counts().stale == 1);
  CHECK(w.finish(hands.front(), 0, 1) == Lines{"SETTLE 1: ack 0+1"});
}

TEST_CASE(
    "G2 messages delivered one by one in one DELIVER are held as one range, without what ended") {
  Working w;
  w.open();
  protocol::Deliver deliver{1, ++w.number, 7, {}};
  std::vector<Slice> frames;
  for (const std::uint64_t offset : {9U, 19U, 29U, 39U}) {
    deliver.rows.push_back({0, offset, 1, 2, 0});
    frames.push_back(chunk_of(1));
  }
  w.hub(deliver, frames);
  const std::uint64_t first = w.start(1), second = w.start(1);
  w.finish(first, 0, 1);  // said and not answered: held, as what is in hand and what is ready
  CHECK(w.reconnect(true).back().find("held 7:9+31") != std::string::npos);
  w.hub(w.opened());
  w.settled(1);
  w.finish(second, 0, 1, Verb::nack);
  const std::string hello = w.reconnect(true).back();
  CHECK(hello.find("held 7:19+21") != std::string::npos);  // the first has ended
  w.hub(w.opened());
  w.start(1);  // the one with offset 29 goes on
  w.settled(2);
  w.finish(w.start(1), 0, 1);
  w.settled(3);
  CHECK(w.reconnect(true).back().find("held 7:29+1") != std::string::npos);
}

TEST_CASE("G2 a held range does not span a message that was settled between two that are held") {
  Working w;
  w.open();
  protocol::Deliver deliver{1, ++w.number, 7, {}};
  for (const std::uint64_t offset : {9U, 19U, 29U}) deliver.rows.push_back({0, offset, 1, 2, 0});
  w.hub(deliver, {chunk_of(1), chunk_of(1), chunk_of(1)});
  w.start(1);
  w.finish(w.start(1), 0, 1);
  w.settled(1);
  const std::string hello = w.reconnect(true).back();
  CHECK(held_in(hello) == 2);
  CHECK(hello.find("held 7:9+1") != std::string::npos);
  CHECK(hello.find("held 7:29+1") != std::string::npos);
}

TEST_CASE("outcomes that a HELLO cannot list are said all the same; hands go before them") {
  Working w(4096, 4096);
  w.open();
  const auto hands = start_scattered(w, 1500);
  w.apply(SocketFailed{"test"});
  for (std::size_t i = 100; i < hands.size(); ++i) w.finish(hands[i], 0, 1);
  CHECK(held_in(hello_again(w)) == limits::held_ranges_max);
  CHECK(w.last.lost_hands.empty());
  CHECK(w.machine.in_hand() == 100);
  w.hub(welcome(true));
  const Lines said = w.hub(w.opened());
  REQUIRE(said.size() >= 2);
  CHECK(said[0].starts_with("SETTLE 1: ack 200+1 "));
  CHECK(said[1].starts_with("SETTLE 2: ack 2248+1 "));
}

TEST_CASE("G6 a worker grants no credit while a resume would list more than a HELLO can hold") {
  Working w(4096, 4096);
  w.open();
  for (std::uint64_t i = 0; i < limits::held_ranges_max; ++i) w.deliver(i + 1, 2 * i, 1);
  WorkerEffects effects;
  for (std::size_t i = 0; i < limits::held_ranges_max; ++i) {
    w.machine.apply(Finished{w.start(1), 0, 1, Verb::ack, {}, {}}, w.now, effects);
  }
  w.machine.tick(w.now, effects);
  // One SETTLE, but until it is answered as many ranges as before.
  REQUIRE(w.carry(std::move(effects)).size() == 1);
  CHECK(w.turn().empty());
  CHECK(w.settled(1) == Lines{"CREDIT 5120"});
}
