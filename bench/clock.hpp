// SPDX-License-Identifier: Apache-2.0
// Instants that two processes of one machine can compare.
#pragma once

#include <cstdio>
#include <ctime>

namespace bench {

inline double now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// One line that the driver waits for: "NAME seconds".
inline void tell(const char* name, double seconds) {
  std::printf("%s %.9f\n", name, seconds);
  std::fflush(stdout);
}

}  // namespace bench
