// SPDX-License-Identifier: Apache-2.0
// Instants that two processes of one machine can compare.
#pragma once

#include <cstdint>
#include <cstdio>
#include <ctime>

namespace bench {

inline std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

inline double now_s() {
  return static_cast<double>(now_ns()) * 1e-9;
}

// One line that the driver waits for: "NAME seconds".
inline void tell(const char* name, double seconds) {
  std::printf("%s %.9f\n", name, seconds);
  std::fflush(stdout);
}

}  // namespace bench
