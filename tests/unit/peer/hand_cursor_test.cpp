// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/hand_cursor.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

using pawl::peer::HandCursor;
using Span = std::pair<std::uint32_t, std::uint32_t>;

TEST_CASE("a cursor begins messages in order and remembers which were acked") {
  HandCursor cursor(3);
  CHECK(cursor.begin_next(false) == 0U);
  CHECK(cursor.begin_next(true) == 1U);
  CHECK(cursor.collect() == Span{0, 1});
  CHECK(cursor.begin_next(true) == 2U);
  CHECK(cursor.pass() == Span{1, 2});
  CHECK_FALSE(cursor.begin_next(false));
  CHECK(cursor.collect() == Span{3, 3});
}

TEST_CASE("what is taken away from a hand is not begun") {
  HandCursor cursor(10);
  cursor.begin_next(false);
  CHECK(cursor.limit_to(2) == 3);
  CHECK(cursor.begin_next(true) == 1U);
  CHECK(cursor.begin_next(true) == 2U);
  CHECK_FALSE(cursor.begin_next(true));
  CHECK(cursor.collect() == Span{0, 3});
}

TEST_CASE("each message is begun by the worker or taken away, never both and never neither") {
  for (int round = 0; round < 200; ++round) {
    HandCursor cursor(1000);
    std::atomic<std::uint32_t> begun = 0;
    std::thread worker([&] {
      bool acked = false;
      while (cursor.begin_next(acked)) {
        ++begun;
        acked = true;
      }
    });
    std::uint32_t collected = 0;
    std::uint32_t end = 1000;
    for (std::uint32_t keep = 900; keep > 0; keep /= 2) {
      const auto [from, to] = cursor.collect();
      collected += to - from;
      end = cursor.limit_to(keep);
    }
    worker.join();
    const auto [from, to] = cursor.collect();
    CHECK(begun == end);
    CHECK(collected + (to - from) == end);
  }
}
