// SPDX-License-Identifier: Apache-2.0
// World: runs a plan. Hubs, peers and their network on one virtual clock, which jumps from event to
// event; first with faults, then everything heals and must come to rest.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/simulation/plan.hpp"
#include "tests/support/simulation/sim_hub.hpp"
#include "tests/support/simulation/sim_network.hpp"
#include "tests/support/simulation/sim_producer.hpp"
#include "tests/support/simulation/sim_worker.hpp"
#include "tests/support/simulation/simulation.hpp"

namespace pawl::testing {

class World {
 public:
  // `plan` must outlive it.
  World(const Plan& plan, const SimulationOptions& options);
  SimulationResult run();

 private:
  // Each has luck of its own, so that without one of them the others' stays as it is.
  struct Process {
    Random random{0};
    std::unique_ptr<SimPeer> peer;
    std::string connection;
    Instant back_at = never;          // when it is started again
    Instant stopped_until{};          // SIGSTOP
    bool stirred = false;             // something came in
    std::deque<WireMessage> waiting;  // arrived while it was stopped
  };
  struct HubProcess {
    Random random{0};
    std::unique_ptr<SimHub> hub;
    Instant back_at = never;
    Instant stopped_until{};
    std::map<std::string, std::unique_ptr<Oracle>> oracles;  // by queue
  };

  // world.cpp
  void add_hub(std::size_t index);
  void add_peer(std::size_t index);
  SimSurroundings around(std::size_t index);
  Oracle& oracle_of(const PlannedPeer& peer);
  std::string other_holder(std::size_t asking, std::uint64_t offset);
  void step();
  Instant next_event();
  void deliver_packets();
  void run_processes();
  void run_hub(std::size_t index);
  void note_alone(std::size_t peer, const WireMessage& message);
  SimHub::Send sender(std::size_t hub);
  void heal();
  bool is_at_rest();
  std::string fault();
  void check_at_rest();
  void check_without_rest();
  SimulationResult take_result();

  // world_faults.cpp
  void do_fault(const PlannedFault& fault);
  void do_hub_fault(const PlannedFault& fault);
  void do_network_fault(const PlannedFault& fault);
  void do_peer_fault(const PlannedFault& fault);
  void take_hub_down(std::size_t index, Duration down_for);
  void kill_peer(std::size_t index, Duration down_for);
  void replace_socket(std::size_t index);
  void lose_connection(std::size_t index);

  void trace(const std::string& what);
  void count(FaultKind kind) { ++result_.faults[static_cast<std::size_t>(kind)]; }
  static Duration up_to(Duration most, Random& random) {
    return Duration(
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most.count()))));
  }

  const Plan& plan_;
  SimulationOptions options_;
  SimNetwork network_;
  std::vector<HubProcess> hubs_;
  std::vector<Process> processes_;
  Instant now_{std::chrono::seconds(1)};
  std::vector<PlannedFault>::const_iterator next_fault_;
  bool healed_ = false;
  Instant rest_since_ = never;
  std::string complaint_;  // of the world itself
  SimulationResult result_;
  std::deque<std::string> trace_;
};

}  // namespace pawl::testing
