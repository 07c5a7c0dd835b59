// SPDX-License-Identifier: Apache-2.0
// The shells' clock: machines are handed what it says.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/time.hpp"

namespace pawl::peer {

inline Instant read_clock() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

// A deadline far enough away to be never, without overflow.
inline Instant deadline_after(Instant now, std::chrono::milliseconds timeout) {
  constexpr std::chrono::hours far(24 * 365);
  // Compared before it is converted: milliseconds::max() in µs would overflow.
  return now + std::clamp<std::chrono::milliseconds>(timeout, std::chrono::milliseconds(0), far);
}

inline std::chrono::steady_clock::time_point steady(Instant at) {
  using Steady = std::chrono::steady_clock;
  return Steady::time_point(std::chrono::duration_cast<Steady::duration>(at.time_since_epoch()));
}

}  // namespace pawl::peer
