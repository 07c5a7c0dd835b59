// SPDX-License-Identifier: Apache-2.0
// What a seed stands for, drawn before anything runs: the hubs with their policies, the peers, and
// every fault with its time. A run with some of the faults left out is the same run without them,
// so that a failing one can be made short.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "patterns/hub/hub_machine.hpp"
#include "patterns/hub/turn.hpp"

namespace pawl::testing {

enum class FaultKind : std::uint8_t {
  // The hub's process and its machine.
  hub_killed,
  hub_loses_power,
  hub_stopped,  // SIGSTOP, SIGCONT
  hub_restarted,
  wall_clock_jumps,
  // Its store.
  commit_fails,  // and may or may not be in the store
  sync_fails,
  read_fails,
  disk_at_reserve,
  disk_full,
  disk_slow,
  // One peer's network.
  connection_lost,  // both sides see it
  socket_replaced,  // the peer's choice: what it had sent may still arrive, later than the new
                    // HELLO
  deaf_to_hub,      // a partition of one direction: nothing of the peer arrives
  deaf_to_peer,     // and of the other
  partitioned,      // both
  slow_network,
  // One peer's process.
  peer_killed,
  peer_stopped,
  peer_leaves,  // BYE, and comes back as a new one
};
inline constexpr std::size_t fault_kinds = 20;
const char* name_of(FaultKind kind);
bool is_of_hub(FaultKind kind);

struct PlannedFault {
  std::size_t number = 0;  // among the seed's
  Instant at{};
  FaultKind kind = FaultKind::hub_killed;
  std::size_t target = 0;  // hub or peer
  Duration lasts{};
  std::uint64_t choice = 0;
};

struct PlannedQueue {
  std::string name;
  QueuePolicy policy;
};

struct PlannedHub {
  HubConfig config;
  // Its commits are full, and it deaf until the one under way is done, with so much.
  std::size_t staged_bytes_max = Turn::staged_bytes_max;
  bool is_in_memory = false;  // it keeps no rows for a later one, and does not die
  std::vector<PlannedQueue> queues;
};

enum class PeerRole : std::uint8_t { producer, worker, undertaker };

struct PlannedPeer {
  PeerRole role = PeerRole::producer;
  std::string name;
  std::size_t hub = 0;
  std::string queue;
  std::uint64_t seed = 0;
  std::int64_t clock_ppm = 0;  // its clock runs so many millionths faster than the hub's
  // Of a producer.
  bool anonymous = false;
  bool oversizes = false;  // in its first life some messages are too large; the next mends them
  bool gives_up = false;   // FULL is answered as a refusal after a while
  Duration gives_every{};
  std::uint64_t messages_max = 1500;  // of a life: what is left is to be worked off
  // Of a worker.
  std::uint32_t prefetch = 12, slots = 4, batch = 4;
  Duration works_for{};     // mostly less
  bool is_patient = false;  // its handlers outlast a lease now and then
};

struct Plan {
  std::uint64_t seed = 0;
  Duration lease{};  // the unit of all times, from 300 ms to an hour
  Duration faults_for{};
  Duration heals_for{};  // it must have come to rest by then
  std::vector<PlannedHub> hubs;
  std::vector<PlannedPeer> peers;
  std::vector<PlannedFault> faults;

  bool wall_jumps() const;
};

Plan plan_of(std::uint64_t seed);
std::string describe(const Plan& plan);
std::string describe(const Plan& plan, const PlannedFault& fault);
std::string name_of_hub(const Plan& plan, std::size_t hub);

}  // namespace pawl::testing
