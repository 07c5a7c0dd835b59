// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/shrink.hpp"

#include <algorithm>
#include <numeric>

namespace pawl::testing {

Plan with_faults_only(Plan plan, const FaultNumbers& kept) {
  std::vector<PlannedFault> faults;
  for (const std::size_t number : kept) faults.push_back(plan.faults.at(number));
  plan.faults = std::move(faults);
  return plan;
}

Shrunk shrink(const SimulationOptions& options, std::size_t runs_max) {
  SimulationOptions silent = options;
  silent.verbose = false;
  const Plan plan = plan_of(options.seed);
  FaultNumbers kept(plan.faults.size());
  std::iota(kept.begin(), kept.end(), std::size_t{0});
  SimulationResult result = simulate(plan, silent);
  std::size_t runs = 1;
  for (std::size_t part = (kept.size() + 1) / 2; part > 0 && runs < runs_max;) {
    bool is_smaller = false;
    for (std::size_t at = 0; at < kept.size() && runs < runs_max; ++runs) {
      FaultNumbers fewer(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(at));
      const std::size_t end = std::min(at + part, kept.size());
      fewer.insert(fewer.end(), kept.begin() + static_cast<std::ptrdiff_t>(end), kept.end());
      SimulationResult shorter = simulate(with_faults_only(plan, fewer), silent);
      if (shorter.fault.empty()) {
        at += part;
        continue;
      }
      kept = std::move(fewer);
      result = std::move(shorter);
      is_smaller = true;
    }
    if (part == 1 && !is_smaller) break;
    part = part == 1 ? 1 : (part + 1) / 2;
  }
  return {std::move(kept), std::move(result)};
}

std::string replay_command(const SimulationOptions& options, const FaultNumbers* kept) {
  std::string command =
      "build/release/tests/pawl_simulation --seed " + std::to_string(options.seed);
  if (options.mutation != Mutation::none) {
    command += std::string(" --mutation ") + name_of(options.mutation);
  }
  if (kept != nullptr) {
    command += " --faults ";
    for (const std::size_t number : *kept) command += std::to_string(number) + ',';
    if (kept->empty()) {
      command += "none";
    } else {
      command.pop_back();
    }
  }
  return command + " --verbose";
}

}  // namespace pawl::testing
