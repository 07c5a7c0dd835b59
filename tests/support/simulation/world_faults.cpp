// SPDX-License-Identifier: Apache-2.0
// What is done to a world, each kind of fault in one place. docs/testing.md tells how to add one.
#include "tests/support/simulation/world.hpp"

namespace pawl::testing {

using namespace std::chrono_literals;

namespace {

bool is_of_any_hub(FaultKind kind) {
  return kind == FaultKind::hub_stopped || kind == FaultKind::wall_clock_jumps ||
         kind == FaultKind::disk_at_reserve;  // as its bound of memory
}

}  // namespace

void World::do_fault(const PlannedFault& fault) {
  const bool is_on_hub = is_of_hub(fault.kind);
  // Nothing can be done to what is down.
  if (is_on_hub && !hubs_[fault.target].hub->is_up()) return;
  // A hub in memory that dies has nothing to keep a promise with, and its store is no disk.
  if (is_on_hub && plan_.hubs[fault.target].is_in_memory && !is_of_any_hub(fault.kind)) return;
  if (!is_on_hub && !processes_[fault.target].peer->is_alive()) return;
  count(fault.kind);
  trace(describe(plan_, fault));
  if (is_on_hub) return do_hub_fault(fault);
  if (fault.kind >= FaultKind::peer_killed) return do_peer_fault(fault);
  do_network_fault(fault);
}

void World::do_hub_fault(const PlannedFault& fault) {
  HubProcess& process = hubs_[fault.target];
  SimHub& hub = *process.hub;
  const auto cut = [&] {
    for (const auto& [queue, oracle] : process.oracles) oracle->store_was_cut();
  };
  switch (fault.kind) {
    case FaultKind::hub_killed: hub.kill(); return take_hub_down(fault.target, fault.lasts);
    case FaultKind::hub_loses_power:
      for (const auto& [queue, oracle] : process.oracles) oracle->power_was_lost();
      hub.power_cut();
      return take_hub_down(fault.target, fault.lasts);
    case FaultKind::hub_restarted:
      hub.stop(now_, sender(fault.target));
      return take_hub_down(fault.target, fault.lasts / 4);
    case FaultKind::hub_stopped: process.stopped_until = now_ + fault.lasts; return;
    case FaultKind::wall_clock_jumps: {
      const Duration by = fault.lasts * 20;
      return hub.jump_wall_clock(fault.choice % 2 == 0 ? by : -by);
    }
    case FaultKind::commit_fails: return hub.fail_next_commit(false);
    case FaultKind::sync_fails: return hub.fail_next_commit(true);
    case FaultKind::read_fails: return hub.fail_next_read();
    case FaultKind::disk_at_reserve: return hub.fill_disk_until(now_ + fault.lasts, false);
    case FaultKind::disk_full: cut(); return hub.fill_disk_until(now_ + fault.lasts, true);
    default: return hub.slow_disk_until(now_ + fault.lasts, fault.choice % 3 == 0);
  }
}

void World::do_network_fault(const PlannedFault& fault) {
  const Instant until = now_ + fault.lasts;
  switch (fault.kind) {
    case FaultKind::connection_lost: return lose_connection(fault.target);
    case FaultKind::socket_replaced:
      processes_[fault.target].peer->lose_socket(now_);
      processes_[fault.target].stirred = true;
      return;
    case FaultKind::deaf_to_hub: return network_.block(fault.target, true, until);
    case FaultKind::deaf_to_peer: return network_.block(fault.target, false, until);
    case FaultKind::partitioned:
      network_.block(fault.target, true, until);
      network_.block(fault.target, false, until);
      // TCP gives up, or a router in between does: everything under way is lost.
      if (fault.choice % 3 == 0) lose_connection(fault.target);
      return;
    default: return network_.slow_down(fault.target, until);
  }
}

void World::do_peer_fault(const PlannedFault& fault) {
  Process& process = processes_[fault.target];
  if (fault.kind == FaultKind::peer_stopped) {
    process.stopped_until = now_ + fault.lasts;
    return;
  }
  if (fault.kind == FaultKind::peer_killed) return kill_peer(fault.target, fault.lasts);
  if (process.stopped_until > now_) return;
  process.peer->leave(now_);
  network_.close(process.connection);
  process.waiting.clear();
  process.back_at = now_ + fault.lasts;
}

void World::take_hub_down(std::size_t index, Duration down_for) {
  HubProcess& process = hubs_[index];
  for (const auto& [queue, oracle] : process.oracles) oracle->hub_was_lost();
  process.stopped_until = {};
  process.back_at = now_ + down_for + 1ms;
  // ZeroMQ's sockets connect again by themselves; what was under way is gone.
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (plan_.peers[i].hub != index) continue;
    network_.cut_all(i);
    lose_connection(i);
  }
}

void World::kill_peer(std::size_t index, Duration down_for) {
  Process& process = processes_[index];
  process.peer->die(now_);
  process.waiting.clear();
  process.stopped_until = {};
  network_.cut(process.connection);
  process.back_at = now_ + down_for + 1ms;
}

// By libzmq, which connects the same socket again; the peer's monitor says so, sooner or later.
void World::lose_connection(std::size_t index) {
  Process& process = processes_[index];
  network_.cut(process.connection);
  process.waiting.clear();
  if (!process.peer->is_alive()) return;
  process.connection = network_.connect(index);
  if (process.random.below(3) == 0) return;
  process.peer->lose_socket(now_);
  process.stirred = true;
}

void World::replace_socket(std::size_t index) {
  Process& process = processes_[index];
  network_.close(process.connection);
  process.waiting.clear();
  process.connection = network_.connect(index);
}

}  // namespace pawl::testing
