// SPDX-License-Identifier: Apache-2.0
// Makes a failing run short: leaves out one part of its faults after another for as long as some
// promise is still broken (delta debugging, Zeller 2002).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/simulation/simulation.hpp"

namespace pawl::testing {

// Numbers of faults in the plan of a seed.
using FaultNumbers = std::vector<std::size_t>;

Plan with_faults_only(Plan plan, const FaultNumbers& kept);

struct Shrunk {
  FaultNumbers kept;
  SimulationResult result;  // of the run with these
};
// `runs_max` bounds how often it is run.
Shrunk shrink(const SimulationOptions& options, std::size_t runs_max = 400);

// The command that runs it again.
std::string replay_command(const SimulationOptions& options, const FaultNumbers* kept = nullptr);

}  // namespace pawl::testing
