// SPDX-License-Identifier: Apache-2.0
// pawl_simulation --seed N [--count M] [--verbose]: runs the simulation with the seeds N … N + M −
// 1; exit 1 and the last events at the first broken promise. The same seed is the same run.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/simulation/simulation.hpp"

int main(int argc, char** argv) {
  pawl::testing::SimulationOptions options;
  std::uint64_t count = 1;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--verbose") == 0) {
      options.verbose = true;
    } else if (std::strcmp(argv[i], "--seed") == 0 && has_value) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--count") == 0 && has_value) {
      count = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: pawl_simulation --seed N [--count M] [--verbose]\n");
      return 64;
    }
  }
  for (; count > 0; --count, ++options.seed) {
    std::printf("seed %llu: ", static_cast<unsigned long long>(options.seed));
    std::fflush(stdout);
    const pawl::testing::SimulationResult result = pawl::testing::simulate(options);
    std::printf("%s\n", result.summary().c_str());
    if (result.fault.empty()) continue;
    std::printf("%s%s\n", options.verbose ? "" : result.trace.c_str(), result.fault.c_str());
    return 1;
  }
  return 0;
}
