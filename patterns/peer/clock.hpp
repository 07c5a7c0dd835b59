// SPDX-License-Identifier: Apache-2.0
// The shells' clock: machines are handed what it says.
#pragma once

#include <chrono>

#include "core/system_clock.hpp"

namespace pawl::peer {

using pawl::deadline_after;
using pawl::within_a_year;

inline Instant read_clock() {
  return monotonic_now();
}

inline std::chrono::steady_clock::time_point steady(Instant at) {
  using Steady = std::chrono::steady_clock;
  return Steady::time_point(std::chrono::duration_cast<Steady::duration>(at.time_since_epoch()));
}

}  // namespace pawl::peer
