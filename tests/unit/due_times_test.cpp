// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/due_times.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "core/random.hpp"

using namespace pawl;

TEST_CASE("due times come in order, whether they were added so or not") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    DueTimes times;
    std::set<std::pair<std::int64_t, std::uint64_t>> plain;
    std::uint64_t offset = 0;
    for (int i = 0; i < 20'000; ++i) {
      // A storm, then what is left of it; mostly fixed delays, and some that are not.
      const bool adds = plain.empty() || random.below(10) < (i < 10'000 ? 6U : 4U);
      if (adds) {
        const auto delay = random.below(4) == 0 ? random.below(1000) : 500;
        const auto at = i + static_cast<std::int64_t>(delay);
        times.push({HubTime{at}, ++offset, false});
        plain.emplace(at, offset);
      } else {
        REQUIRE(times.front().due.us == plain.begin()->first);
        REQUIRE(times.front().offset == plain.begin()->second);
        times.pop();
        plain.erase(plain.begin());
      }
      REQUIRE(times.size() == plain.size());
      REQUIRE(times.empty() == plain.empty());
    }
    const std::vector<Due> all = times.all();
    REQUIRE(all.size() == plain.size());
    REQUIRE(std::equal(all.begin(), all.end(), plain.begin(), [](const Due& a, const auto& b) {
      return a.due.us == b.first && a.offset == b.second;
    }));
  }
}
