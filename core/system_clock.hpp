// SPDX-License-Identifier: Apache-2.0
// Where shells read the time, once a turn. Machines never do: it is handed to them.
#pragma once

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

}  // namespace pawl
