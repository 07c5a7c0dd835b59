// SPDX-License-Identifier: Apache-2.0
// The machine as text, and what must hold in it. A test reloads the machine after every commit and
// compares digests with the live one: the rows are all that a restart has.
#include "core/check.hpp"
#include "core/limits.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

std::string number(std::uint64_t value) {
  return ' ' + std::to_string(value);
}

std::string hex(const Bytes16& bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace

// Right after seal(): later events are in memory only, as they should be.
std::string HubMachine::digest() const {
  std::string text = "hub " + hex(hub_row_.store_id) + '\n';
  for (const auto& [id, queue] : queues_) {
    if (queue.name_is_new) continue;
    text += "queue" + number(id) + ' ' + queue.name + (queue.is_dead_letter ? " dead-letter" : "") +
            number(queue.log.sealed_tail()) + number(queue.log.bytes()) + number(queue.accepted) +
            number(queue.dead) + number(queue.refused) + number(queue.expired) +
            number(queue.live) + number(queue.forgotten) + '\n' + queue.group.digest();
  }
  for (const auto& [id, session] : sessions_) {
    if (!session.has_row) continue;
    text += "session" + number(id) + ' ' + hex(session.token) + ' ' + session.peer +
            number(session.slots) + (session.alone ? " alone" : "") + ':';
    for (const auto& [lease, log] : session.leases) text += number(lease) + '/' + number(log);
    text += '\n';
  }
  return text;
}

std::vector<Put> HubMachine::settled_producer_rows() const {
  std::vector<Put> rows;
  for (const auto& [id, queue] : queues_) {
    for (const auto& [source, producer] : queue.producers) {
      if (producer.row.set.epoch == 0 || queue.dirty_producers.count(source) != 0) continue;
      rows.push_back(
          {Space::state, records::producer_key(id, source), records::encode(producer.row)});
    }
  }
  return rows;
}

void HubMachine::check_invariants() const {
  PAWL_CHECK(by_name_.size() == queues_.size());
  std::size_t producers = 0;
  for (const auto& [id, queue] : queues_) {
    PAWL_CHECK(queue.log.id() == id && by_name_.at(queue.name) == id);
    check_queue(queue);
  }
  for (const auto& [id, session] : sessions_) {
    for (const auto& [handle_number, handle] : session.handles) {
      producers += handle.role == protocol::Role::producer && handle.epoch != 0 ? 1 : 0;
    }
  }
  PAWL_CHECK(producers == producer_handles_);
  check_sessions();
}

void HubMachine::check_queue(const Queue& queue) const {
  queue.group.check_invariants();
  PAWL_CHECK(queue.group.scanned_to() <= queue.log.sealed_tail());
  PAWL_CHECK(queue.log.committed_tail() <= queue.log.sealed_tail());
  // G7: whatever was accepted is live, acked or moved; nothing else.
  std::uint64_t in_runs = 0;
  for (const RunState state :
       {RunState::ready, RunState::leased, RunState::delayed, RunState::suspect, RunState::dying}) {
    in_runs += queue.group.count(state);
  }
  const std::uint64_t unseen = queue.group.settled_count() - queue.settled_seen;
  PAWL_CHECK(queue.live - unseen == queue.log.tail() - queue.group.scanned_to() + in_runs);
  PAWL_CHECK(queue.accepted == queue.live - unseen + queue.group.acked() + queue.dead);
  std::map<std::string, std::uint32_t> opened;
  std::size_t workers = 0, producers = 0;
  for (const auto& [id, session] : sessions_) {
    for (const auto& [handle_number, handle] : session.handles) {
      if (handle.queue != queue.log.id()) continue;
      const bool is_producer = handle.role == protocol::Role::producer;
      ++(is_producer ? producers : workers);
      if (is_producer) ++opened[handle.source];
    }
  }
  PAWL_CHECK(queue.worker_handles.size() == workers);
  PAWL_CHECK(queue.producer_handles.size() == producers);
  for (const auto& [source, producer] : queue.producers) {
    PAWL_CHECK(producer.handles == opened[source]);
    PAWL_CHECK(producer.row.set.ranges.size() <= limits::dedup_ranges_max);
  }
}

void HubMachine::check_sessions() const {
  PAWL_CHECK(sessions_.size() == by_token_.size() && sessions_.size() <= limits::sessions_max);
  PAWL_CHECK(sessions_.size() == deadlines_.size());
  std::size_t connected = 0;
  for (const auto& [id, session] : sessions_) {
    PAWL_CHECK(by_token_.at(session.token) == id);
    connected += session.is_connected() ? 1 : 0;
    if (session.is_connected()) PAWL_CHECK(by_connection_.at(session.connection) == id);
    std::uint64_t held = 0;
    for (const auto& [lease, log] : session.leases) {
      const std::uint64_t under = queues_.at(log).group.held_under(lease);
      PAWL_CHECK(under > 0);
      held += under;
    }
    std::uint64_t held_in_groups = 0;
    for (const auto& [log, queue] : queues_) held_in_groups += queue.group.held_by(id);
    PAWL_CHECK(held == held_in_groups);
    if (session.alone) PAWL_CHECK(held == 1);
  }
  PAWL_CHECK(connected == by_connection_.size());
}

}  // namespace pawl
