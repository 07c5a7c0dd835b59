// SPDX-License-Identifier: Apache-2.0
// A simulation: hubs, producers, workers and undertakers, all production machines, on a virtual
// clock, network and store. First faults of every kind, then everything heals and must come to
// rest. The same seed is the same run, to the last message.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "tests/support/simulation/mutation.hpp"
#include "tests/support/simulation/plan.hpp"

namespace pawl::testing {

struct SimulationOptions {
  std::uint64_t seed = 1;
  Mutation mutation = Mutation::none;
  bool verbose = false;   // prints each event as it happens
  std::string watched{};  // a message whose life is traced, too
  // Of so many turns of a hub one is followed by a look at every invariant; 0: none.
  std::uint64_t check_every = 1, reload_every = 3;
};

struct SimulationResult {
  std::string fault;  // the promise that was broken; empty: all were kept
  std::string trace;  // the last events before it
  std::size_t confirmed = 0, processed = 0, processed_twice = 0, dead = 0;
  std::uint64_t commits = 0, packets = 0;
  std::uint64_t deaf_turns = 0;  // of hubs that did not read what had come: their commit was full
  std::uint64_t poisoned = 0;    // workers killed by a message: load, which the hub is to bear
  std::chrono::microseconds simulated{};
  std::array<std::uint64_t, fault_kinds> faults{};

  std::uint64_t faults_injected() const;
  void add(const SimulationResult& other);
  std::string summary() const;
};

// The plan of the seed.
SimulationResult simulate(const SimulationOptions& options);
// A plan that was changed: some of its faults left out.
SimulationResult simulate(const Plan& plan, const SimulationOptions& options);

}  // namespace pawl::testing
