// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/simulation.hpp"

#include <numeric>

#include "tests/support/simulation/world.hpp"

namespace pawl::testing {

std::uint64_t SimulationResult::faults_injected() const {
  return std::accumulate(faults.begin(), faults.end(), std::uint64_t{0});
}

void SimulationResult::add(const SimulationResult& other) {
  confirmed += other.confirmed;
  processed += other.processed;
  processed_twice += other.processed_twice;
  dead += other.dead;
  commits += other.commits;
  deaf_turns += other.deaf_turns;
  packets += other.packets;
  poisoned += other.poisoned;
  simulated += other.simulated;
  for (std::size_t i = 0; i < fault_kinds; ++i) faults[i] += other.faults[i];
}

std::string SimulationResult::summary() const {
  const auto part = [](std::uint64_t count, const char* what) {
    return std::to_string(count) + ' ' + what;
  };
  return part(confirmed, "confirmed, ") + part(processed, "processed, ") +
         part(processed_twice, "of them twice, ") + part(dead, "dead; ") +
         part(commits, "commits, ") + part(packets, "packets, ") +
         part(faults_injected(), "faults injected, ") + part(poisoned, "workers poisoned; ") +
         part(static_cast<std::uint64_t>(simulated.count() / 1'000'000), "s");
}

SimulationResult simulate(const Plan& plan, const SimulationOptions& options) {
  World world(plan, options);
  return world.run();
}

SimulationResult simulate(const SimulationOptions& options) {
  return simulate(plan_of(options.seed), options);
}

}  // namespace pawl::testing
