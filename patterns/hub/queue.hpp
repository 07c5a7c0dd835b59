// SPDX-License-Identifier: Apache-2.0
// A work queue: a log with one group, trimmed as it settles, and what was counted of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pawl/policy.hpp>

#include "core/protocol/names.hpp"
#include "patterns/work_queue/group.hpp"
#include "patterns/work_queue/log.hpp"

namespace pawl {

// A queue's counters at one moment, for who looks on.
struct QueueNumbers {
  std::uint64_t ready = 0;
  std::uint64_t leased = 0;
  std::uint64_t delayed = 0;
  std::uint64_t dying = 0;
  std::uint64_t dead = 0;
  std::uint64_t accepted = 0;
  std::uint64_t acked = 0;
  std::uint64_t retried = 0;
  std::uint64_t refused = 0;
  std::uint64_t workers = 0;
  std::uint64_t producers = 0;
  std::optional<HubTime> next_due{};  // the earliest retry or delay
};

struct Queue {
  Queue(records::LogId id, std::string queue_name, QueuePolicy queue_policy)
      : name(std::move(queue_name)), policy(std::move(queue_policy)), log(id), group(id) {}

  struct Producer {
    records::ProducerRow row;
    std::uint32_t handles = 0;  // open now; a row without any may leave memory
  };
  using HandleKey = std::pair<SessionId, std::uint32_t>;

  std::string name;
  QueuePolicy policy;
  MessageLog log;
  Group group;
  bool is_dead_letter = false;
  bool name_is_new = true;       // its row is not in the store yet
  std::size_t failing_seen = 0;  // of group.failing_bytes(), already in the hub's sum
  bool chunk_read_under_way = false;
  bool waits_for_rows = false;    // something is to be done once the commit under way is readable
  std::string counters_row;       // as last written
  std::optional<HubTime> due_at;  // as in the hub's index of due times

  std::uint64_t accepted = 0;
  std::uint64_t dead = 0;  // moved to dead letters
  std::uint64_t refused = 0;
  std::uint64_t expired = 0;
  std::uint64_t forgotten = 0;     // idle producers whose rows were evicted
  std::uint64_t live = 0;          // accepted, and neither acked nor moved
  std::uint64_t settled_seen = 0;  // of group.settled_count(), already taken off `live`

  std::map<std::string, Producer> producers;
  std::set<std::string> dirty_producers;    // whose row is to be written
  std::vector<std::string> forgotten_keys;  // rows to be deleted
  Instant next_prune{};
  std::vector<HandleKey> worker_handles;
  std::vector<HandleKey> producer_handles;
  std::vector<HandleKey> wants_credit;             // have used some since they were granted it
  std::pair<std::uint64_t, std::uint64_t> window;  // messages and bytes that were granted last
  std::map<std::uint64_t, Instant> sparse_since;   // chunks that pin more than they hold
  std::set<std::uint64_t> to_evacuate;             // of those, the ones that have for long
  bool has_run_dry = false;     // for a suspect of ours some session was, or is, given nothing else
  std::size_t next_worker = 0;  // who is served first in the next turn

  // The end of what was cut out of a chunk last: what follows is cut without walking to it again.
  struct Cut {
    std::uint64_t chunk_id = 0;
    std::uint32_t position = 0;
    std::size_t bytes = 0;
  };
  Cut fresh_cut, ready_cut;

  void take_off_settled() {
    const std::uint64_t settled = group.settled_count();
    live -= settled - std::exchange(settled_seen, settled);
  }
  std::string dead_letter_name() const {
    return policy.dead_letter.empty() ? protocol::default_dead_letter(name) : policy.dead_letter;
  }
  std::uint64_t fresh() const { return log.sealed_tail() - group.scanned_to(); }
  std::uint64_t ready() const {
    return fresh() + group.count(RunState::ready) + group.count(RunState::suspect);
  }
  QueueNumbers numbers() const {
    QueueNumbers now;
    // What is accepted but not sealed yet is ready too: the numbers add up at every moment (G7).
    now.ready = ready() + log.tail() - log.sealed_tail();
    now.leased = group.count(RunState::leased);
    now.delayed = group.count(RunState::delayed);
    now.dying = group.count(RunState::dying);
    now.dead = dead;
    now.accepted = accepted;
    now.acked = group.acked();
    now.retried = group.retried();
    now.refused = refused;
    now.workers = worker_handles.size();
    now.producers = producer_handles.size();
    now.next_due = group.next_due();
    return now;
  }
};

}  // namespace pawl
