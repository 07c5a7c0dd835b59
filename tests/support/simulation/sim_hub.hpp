// SPDX-License-Identifier: Apache-2.0
// SimHub: the hub's process. The production machine and turn over a FaultyStore whose commits take
// time; it is killed, loses its machine's power, is stopped, and its commits fail.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "patterns/hub/hub_machine.hpp"
#include "patterns/hub/turn.hpp"
#include "patterns/testing/faulty_store.hpp"
#include "tests/support/simulation/mutation.hpp"

namespace pawl::testing {

class SimHub {
 public:
  SimHub(HubConfig config, std::uint64_t seed, Mutation mutation);

  bool is_up() const { return machine_ != nullptr; }
  void start(Now now);
  void kill();
  void power_cut();
  void fail_next_commit() { store_.fail_next_commit(); }
  void receive(RoutedMessage message) { inbox_.push_back(std::move(message)); }

  // Turns until nothing more is to be done at once. What goes to peers is appended to `out`. False
  // if a commit failed and the machine was begun anew: `out` holds what it said last.
  bool run(Now now, std::vector<RoutedMessage>& out);
  // When it wakes up: at its own deadline, when its commit is done, or at once for what has come
  // in.
  Instant next_deadline() const;
  void on_unreachable(const std::string& connection);

  // What a reload of the rows did not give back, or nothing.
  const std::string& fault() const { return fault_; }
  std::uint64_t commits() const { return commits_; }
  std::size_t chunks_left() const { return store_.written().count(Space::chunks); }

 private:
  bool turn(Now now, std::vector<RoutedMessage>& out);
  void fall_asleep(Now now);
  void check_reload(Now now);

  HubConfig config_;
  Mutation mutation_;
  Random random_;
  FaultyStore store_;
  std::unique_ptr<Store> mutated_;  // stands before store_
  SeededEntropy entropy_;
  std::uint64_t machine_boots_ = 1;
  std::unique_ptr<HubMachine> machine_;
  std::unique_ptr<Turn> turn_;
  std::deque<RoutedMessage> inbox_;
  Instant commit_done_at_ = never;
  Instant wake_at_{};
  std::string sealed_digest_;
  std::vector<Put> sealed_producers_;
  std::uint64_t commits_ = 0;
  std::string fault_;
};

}  // namespace pawl::testing
