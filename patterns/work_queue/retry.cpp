// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/retry.hpp"

#include <algorithm>

namespace pawl {

Duration backoff_delay(const Backoff& backoff, std::uint32_t failures, Random& random) {
  // Fixed point, thousandths: the same delays whatever the floating-point unit rounds to.
  const auto factor = static_cast<std::uint64_t>(backoff.factor * 1000.0);
  const auto max_us = static_cast<std::uint64_t>(Duration(backoff.max).count());
  auto delay_us = static_cast<std::uint64_t>(Duration(backoff.initial).count());
  for (std::uint32_t i = 1; i < failures && delay_us < max_us && factor > 1000; ++i) {
    const bool over = delay_us > max_us / factor * 1000;
    delay_us = over ? max_us : delay_us * factor / 1000;
  }
  delay_us = std::min(delay_us, max_us);
  const auto spread = static_cast<std::uint64_t>(backoff.jitter * 1000.0) * delay_us / 1000;
  delay_us = delay_us - spread + random.below(2 * spread + 1);
  return Duration(static_cast<Duration::rep>(delay_us));
}

}  // namespace pawl
