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

// A span of a user's that can be added to an instant: milliseconds::max() in µs would overflow. A
// year is as good as never.
inline std::chrono::milliseconds within_a_year(std::chrono::milliseconds span) {
  constexpr std::chrono::hours year(24 * 365);
  return std::clamp<std::chrono::milliseconds>(span, std::chrono::milliseconds(0), year);
}

inline Instant deadline_after(Instant now, std::chrono::milliseconds timeout) {
  return now + within_a_year(timeout);
}

inline std::chrono::steady_clock::time_point steady(Instant at) {
  using Steady = std::chrono::steady_clock;
  return Steady::time_point(std::chrono::duration_cast<Steady::duration>(at.time_since_epoch()));
}

}  // namespace pawl::peer
