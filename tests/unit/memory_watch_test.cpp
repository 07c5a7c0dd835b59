// SPDX-License-Identifier: Apache-2.0
#include "core/memory_watch.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <vector>

namespace pawl {
namespace {

using std::chrono::milliseconds;

TEST_CASE(
    "G8 resident memory is looked at every 50 ms by one who is awake, every 500 by a sleeper") {
  MemoryWatch watch(1);
  Instant now{std::chrono::hours(1)};
  REQUIRE(watch.is_over(now, 0));  // the first look: it has grown from nothing
  REQUIRE(watch.wake_by() == now + milliseconds(50));
  now += milliseconds(49);
  REQUIRE_FALSE(watch.is_over(now, 0));
  now += milliseconds(1);
  REQUIRE(watch.is_over(now, 0));
  REQUIRE(watch.wake_by() ==
          now + milliseconds(500));  // nothing grows: no reason to be woken early

  const std::vector<std::byte> grown(std::size_t{64} << 20, std::byte{1});
  now += milliseconds(50);
  REQUIRE(watch.is_over(now, 0));
  REQUIRE(watch.wake_by() == now + milliseconds(50));
  REQUIRE(grown.back() == std::byte{1});
}

TEST_CASE(
    "G8 what the caller accounts for is not held against the budget, and no budget is never over") {
  MemoryWatch watch(1);
  REQUIRE_FALSE(watch.is_over(Instant{std::chrono::hours(1)}, watch.resident_bytes() * 2));
  MemoryWatch none(0);
  REQUIRE_FALSE(none.is_over(Instant{std::chrono::hours(1)}, 0));
  REQUIRE(none.wake_by() == never);
}

}  // namespace
}  // namespace pawl
