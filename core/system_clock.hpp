// SPDX-License-Identifier: Apache-2.0
// Where shells read the time, once a turn. Machines never do: it is handed to them.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/time.hpp"

namespace pawl {

inline Instant monotonic_now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

inline HubTime wall_now() {
  return {std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
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

}  // namespace pawl
