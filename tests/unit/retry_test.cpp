// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "patterns/work_queue/retry.hpp"

using namespace pawl;
using namespace std::chrono_literals;

TEST_CASE("G3 backoff doubles up to its bound") {
  Random random(1);
  const Backoff backoff{100ms, 2.0, 1s, 0.0};
  CHECK(backoff_delay(backoff, 1, random) == 100ms);
  CHECK(backoff_delay(backoff, 2, random) == 200ms);
  CHECK(backoff_delay(backoff, 4, random) == 800ms);
  CHECK(backoff_delay(backoff, 5, random) == 1s);
  CHECK(backoff_delay(backoff, 4'000'000'000U, random) == 1s);
}

TEST_CASE("G3 jitter spreads evenly and stays within its share") {
  Random random(1);
  const Backoff backoff{1000ms, 2.0, 5min, 0.2};
  Duration least = 1h, most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = backoff_delay(backoff, 1, random);
    CHECK((delay >= 800ms && delay <= 1200ms));
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  CHECK(least < 820ms);
  CHECK(most > 1180ms);
}

TEST_CASE("G3 no policy makes a delay negative, endless or undefined") {
  Random random(1);
  const auto hours_100k = std::chrono::milliseconds(100'000h);
  for (const auto initial : {0ms, 1ms, 1000ms, hours_100k}) {
    for (const auto max : {0ms, 1ms, 1000ms, hours_100k}) {
      for (const double factor : {0.0, 1.0, 1.0001, 2.0, 1e6, 1e30}) {
        for (const double jitter : {0.0, 0.2, 1.0, 7.0}) {
          for (const std::uint32_t failures : {0U, 1U, 2U, 63U, 64U, 1'000'000'000U}) {
            const Duration delay = backoff_delay({initial, factor, max, jitter}, failures, random);
            const bool sane = delay >= 0ms && delay <= 2 * Duration(max);
            if (!sane) FAIL("a delay of " << delay.count() << " us");
          }
        }
      }
    }
  }
}

TEST_CASE("G3 a message may be handed out ten times an attempt unless the policy says otherwise") {
  QueuePolicy policy;
  CHECK(handouts_max(policy) == 50);
  policy.handouts_max = 3;
  CHECK(handouts_max(policy) == 3);
  policy.handouts_max = 0;
  policy.max_attempts = 4'000'000'000U;
  CHECK(handouts_max(policy) >= policy.max_attempts);
}
