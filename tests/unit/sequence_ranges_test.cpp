// SPDX-License-Identifier: Apache-2.0
#include "core/protocol/sequence_ranges.hpp"

#include <catch2/catch.hpp>

using namespace pawl;

TEST_CASE("sequences are added, touching ones joined, and taken out of the middle") {
  SequenceRanges ranges;
  for (std::uint64_t i = 0; i < 4; ++i) ranges.add(10 + 2 * i, 1);
  CHECK(ranges.all().size() == 4);
  CHECK(ranges.lowest() == 10);
  ranges.add(11, 1);
  CHECK(ranges.all().front() == protocol::SequenceRange{10, 3});
  ranges.remove(11, 1);
  CHECK(ranges.all().front() == protocol::SequenceRange{10, 1});
  ranges.drop_lowest();
  CHECK(ranges.lowest() == 12);
  ranges.drop_highest();
  CHECK(ranges.all().back() == protocol::SequenceRange{14, 1});
  ranges.remove(0, 1000);
  CHECK_FALSE(ranges.lowest());
}
