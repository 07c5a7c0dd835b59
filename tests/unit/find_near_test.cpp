// SPDX-License-Identifier: Apache-2.0
#include "core/find_near.hpp"

#include <catch2/catch.hpp>

#include "core/random.hpp"

using namespace pawl;

TEST_CASE("what is found near the last place is what a search of all would find") {
  Random random(1);
  std::size_t last = 0;
  std::vector<std::uint64_t> items;
  for (int i = 0; i < 20'000; ++i) {
    // They change between two looks, and may have become fewer.
    if (random.below(50) == 0) {
      items.resize(random.below(20));
      for (std::uint64_t& item : items) item = random.below(30);
      std::sort(items.begin(), items.end());
    }
    const std::uint64_t wanted = random.below(31);
    const auto is_before = [wanted](std::uint64_t item) { return item < wanted; };
    const auto plain = std::partition_point(items.begin(), items.end(), is_before);
    REQUIRE(find_near(items, last, is_before) == static_cast<std::size_t>(plain - items.begin()));
    REQUIRE(last <= items.size());
  }
}
