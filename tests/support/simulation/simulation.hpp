// SPDX-License-Identifier: Apache-2.0
// A simulation: one hub, a named and an anonymous producer, two workers and an undertaker at the
// dead letters, all production machines, on a virtual clock, network and store. First faults of
// every kind, then everything heals and must come to rest. The same seed is the same run, to the
// last message.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/simulation/mutation.hpp"

namespace pawl::testing {

struct SimulationOptions {
  std::uint64_t seed = 1;
  Mutation mutation = Mutation::none;
  bool verbose = false;  // prints each event as it happens
};

struct SimulationResult {
  std::string fault;  // the promise that was broken; empty: all were kept
  std::string trace;  // the last events before it
  std::size_t confirmed = 0, processed = 0, processed_twice = 0, dead = 0;
  std::uint64_t commits = 0, kills = 0, power_cuts = 0, stalls = 0, cuts = 0, worker_deaths = 0,
                producer_deaths = 0, failed_commits = 0;
  std::string summary() const;
};

SimulationResult simulate(const SimulationOptions& options);

}  // namespace pawl::testing
