// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/retry.hpp"

#include <algorithm>

namespace pawl {
namespace {

// A policy made in code passes no configuration file: what is absurd is taken for the nearest value
// that makes sense.
constexpr int factor_max = 1000;
constexpr std::uint64_t delay_max_us =
    std::uint64_t{100} * 366 * 24 * 3600 * 1'000'000;  // a century

std::uint64_t microseconds(std::chrono::milliseconds span) {
  const auto ms_max = static_cast<std::int64_t>(delay_max_us / 1000);
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(span.count(), 0, ms_max)) * 1000;
}

constexpr std::uint64_t thousandths(auto value, int most) {
  if (!(value > 0)) return 0;
  return value >= most ? std::uint64_t{1000} * most : static_cast<std::uint64_t>(value * 1000);
}

}  // namespace

Duration backoff_delay(const Backoff& backoff, std::uint32_t failures, Random& random) {
  // Fixed point, thousandths: the same delays whatever the floating-point unit rounds to.
  const std::uint64_t factor = thousandths(backoff.factor, factor_max);
  const std::uint64_t max_us = microseconds(backoff.max);
  std::uint64_t delay_us = std::min(microseconds(backoff.initial), max_us);
  for (std::uint32_t i = 1; i < failures && delay_us < max_us; ++i) {
    const bool over = delay_us > max_us * 1000 / std::max<std::uint64_t>(1, factor);
    const std::uint64_t longer = over ? max_us : delay_us * factor / 1000;
    if (longer <= delay_us) break;  // a factor of 1, or no delay: it grows no more
    delay_us = longer;
  }
  const std::uint64_t spread = thousandths(backoff.jitter, 1) * delay_us / 1000;
  delay_us = delay_us - spread + random.below(2 * spread + 1);
  return Duration(static_cast<Duration::rep>(delay_us));
}

}  // namespace pawl
