// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <set>

#include "core/limits.hpp"
#include "core/random.hpp"
#include "patterns/work_queue/producer_set.hpp"

using namespace pawl;

namespace {

void compare(const ProducerSet& set, const std::set<std::uint64_t>& accepted) {
  for (std::uint64_t sequence = 1; sequence < 120; ++sequence) {
    const bool known = sequence < set.floor || accepted.count(sequence) != 0;
    REQUIRE(set.contains(sequence) == known);
    for (const std::uint64_t length : {1, 7, 200}) {
      const auto piece = set.piece(sequence, length);
      bool right = piece.first == sequence && piece.known == known && piece.length >= 1 &&
                   piece.length <= length;
      for (std::uint64_t at = sequence; at < sequence + piece.length; ++at) {
        right = right && (at < set.floor || accepted.count(at) != 0) == known;
      }
      if (!right) FAIL("another piece at " << sequence << " for " << length);
    }
  }
  std::uint64_t before = 0;
  for (const auto& range : set.ranges) {
    REQUIRE(range.length > 0);
    REQUIRE(range.first >= set.floor);
    REQUIRE((before == 0 || range.first > before));  // sorted, and not touching the one before
    before = range.first + range.length;
  }
}

}  // namespace

TEST_CASE("G5 a producer's set knows what a plain set of numbers would know") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    ProducerSet set;
    std::set<std::uint64_t> accepted;
    for (int i = 0; i < 60; ++i) {
      if (random.below(6) == 0) {
        set.raise_floor(random.below(100));
      } else {
        const std::uint64_t first =
            set.floor + random.below(100 - std::min<std::uint64_t>(99, set.floor));
        const std::uint64_t length = 1 + random.below(8);
        REQUIRE(set.insert(first, length));
        for (std::uint64_t at = first; at < first + length; ++at) accepted.insert(at);
      }
      compare(set, accepted);
    }
  }
}

TEST_CASE("G5 a set holds 64 ranges and takes no 65th, but still what joins them") {
  ProducerSet set;
  for (std::uint64_t i = 0; i < limits::dedup_ranges_max; ++i) REQUIRE(set.insert(2 + 2 * i, 1));
  const ProducerSet before = set;
  CHECK_FALSE(set.insert(1000, 1));
  CHECK(set == before);
  CHECK(set.insert(3, 1));  // joins two: now there is room for one more
  CHECK(set.ranges.size() == limits::dedup_ranges_max - 1);
  CHECK(set.insert(1000, 1));
}

TEST_CASE("G5 a floor never goes down") {
  ProducerSet set;
  set.raise_floor(10);
  set.raise_floor(5);
  CHECK(set.floor == 10);
  CHECK(set.contains(9));
  CHECK_FALSE(set.contains(10));
}

TEST_CASE("G5 sequences near the end of their range do not wrap") {
  ProducerSet set;
  const std::uint64_t last = (std::uint64_t{1} << 63) - 1;
  CHECK(set.insert(last - 4, 4));
  CHECK(set.contains(last - 1));
  CHECK_FALSE(set.contains(last - 5));
  CHECK(set.piece(1, last - 1).length == last - 5);
}
