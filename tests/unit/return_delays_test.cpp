// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/return_delays.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using pawl::devices::ReturnDelays;
using pawl::devices::returned_messages_max;

TEST_CASE("each return of the same message in a row waits twice as long, up to a minute") {
  ReturnDelays delays;
  CHECK(delays.next(7, 1s) == 1s);
  CHECK(delays.next(7, 1s) == 2s);
  CHECK(delays.next(8, 1s) == 1s);
  CHECK(delays.next(7, 1s) == 4s);
  for (int i = 0; i < 100; ++i) delays.next(7, 1s);
  CHECK(delays.next(7, 1s) == 1min);
}

TEST_CASE("another outcome in between begins anew") {
  ReturnDelays delays;
  delays.next(7, 1s);
  delays.next(7, 1s);
  delays.forget(7);
  CHECK(delays.next(7, 1s) == 1s);
}

TEST_CASE("a first backoff of more than a minute, or of nothing, is kept to") {
  ReturnDelays delays;
  CHECK(delays.next(7, 5min) == 5min);
  CHECK(delays.next(7, 5min) == 5min);
  CHECK(delays.next(8, 0ms) == 0ms);
  CHECK(delays.next(8, 0ms) == 1ms);
  CHECK(delays.next(8, 0ms) == 2ms);
}

TEST_CASE("G6 what is remembered is bounded: the longest known message begins anew") {
  ReturnDelays delays;
  for (std::uint64_t offset = 0; offset <= returned_messages_max; ++offset) delays.next(offset, 1s);
  CHECK(delays.next(returned_messages_max, 1s) == 2s);
  CHECK(delays.next(1, 1s) == 2s);
  CHECK(delays.next(0, 1s) == 1s);
}
