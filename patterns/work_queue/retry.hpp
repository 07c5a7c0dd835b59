// SPDX-License-Identifier: Apache-2.0
// When a failed message is tried again (G3).
#pragma once

#include <pawl/policy.hpp>

#include "core/random.hpp"
#include "core/time.hpp"

namespace pawl {

// initial × factor^(failures − 1), at most max, then ± jitter drawn from `random`. failures ≥ 1.
Duration backoff_delay(const Backoff& backoff, std::uint32_t failures, Random& random);

// handouts_max with its default applied.
inline std::uint32_t handouts_max(const QueuePolicy& policy) {
  if (policy.handouts_max != 0) return policy.handouts_max;
  return policy.max_attempts > UINT32_MAX / 10 ? UINT32_MAX : 10 * policy.max_attempts;
}

}  // namespace pawl
