// SPDX-License-Identifier: Apache-2.0
// Makes a failing run short: leaves out one part of it after another for as long as the same
// promise is still broken (delta debugging, Zeller 2002): faults, hubs, queues, peers, messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/simulation/simulation.hpp"

namespace pawl::testing {

// What of a seed's plan is run.
struct Kept {
  std::vector<std::size_t> faults;  // their numbers
  std::vector<std::string> peers;   // their names
  std::uint64_t messages = 0;       // of each life of a producer, at most

  bool operator==(const Kept&) const = default;
};
Kept all_of(const Plan& plan);
Plan reduced(const Plan& plan, const Kept& kept);

// The options of the command line, over `kept`. What is wrong with them, or nothing.
std::string read_faults(const std::string& text, const Plan& plan, Kept& kept);
std::string read_peers(const std::string& text, const Plan& plan, Kept& kept);

struct Shrunk {
  Kept kept;
  SimulationOptions options;  // the message that the complaint names is watched
  SimulationResult result;    // of the run with these
};
// `runs_max` bounds how often it is run.
Shrunk shrink(const SimulationOptions& options, std::size_t runs_max = 400);

// The command that runs it again: all of the seed's plan, or what is kept of it.
std::string replay_command(const SimulationOptions& options);
std::string replay_command(const SimulationOptions& options, const Kept& kept);

}  // namespace pawl::testing
