// SPDX-License-Identifier: Apache-2.0
// What workers say: credit, settles; and what is asked of them: recalls, and handlers that never
// end.
#include <algorithm>

#include "core/check.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {

using protocol::Command;
using protocol::Settle;
using protocol::Verb;

void HubMachine::on_credit(Session& session, const protocol::Credit& credit) {
  const auto handle = session.handles.find(credit.handle);
  if (handle == session.handles.end() || handle->second.role != protocol::Role::worker) {
    return tell_error(session, Code::bad_frame,
                      "CREDIT names a handle that is not open for a worker", Command::credit,
                      credit.handle);
  }
  // The last one counts: a worker that wants no more takes back what was not used.
  Handle& worker = handle->second;
  worker.credit_messages = credit.messages_total;
  worker.credit_bytes = credit.bytes_total;
  touched_.insert(worker.queue);
}

void HubMachine::on_settle(Session& session, const Settle& settle, Now now) {
  // A SETTLE that was lost on the way must not be answered by the upto of a later one.
  const std::uint64_t expected = session.settle_number.value_or(settle.number - 1) + 1;
  if (settle.number != expected) {
    return tell_error(session, Code::bad_frame,
                      "SETTLE has the number " + std::to_string(settle.number) + " where " +
                          std::to_string(expected) + " follows: send HELLO with your token",
                      Command::settle, settle.handle);
  }
  session.settle_number = settle.number;
  const auto found = session.handles.find(settle.handle);
  if (found == session.handles.end() || found->second.role != protocol::Role::worker) {
    return tell_error(session, Code::bad_frame,
                      "SETTLE names a handle that is not open for a worker", Command::settle,
                      settle.handle);
  }
  Handle& handle = found->second;
  Queue& queue = queues_.at(handle.queue);
  touched_.insert(handle.queue);
  const std::size_t told_before = handle.exceptions.size();
  const std::size_t failing_before = queue.group.failing_bytes();
  const Group::Judge by = judge(queue, session.peer, now);
  for (const Settle::Row& row : settle.rows) {
    if (row.lane != 0) {
      handle.exceptions.push_back({row.lease, {row.lane, row.offset, row.length}, Code::stale});
      continue;
    }
    // Who settles has received: a busy worker need not wait for its next beat to be given more.
    session.on_received(queue.group.number_of(session.id, row.lease));
    const std::size_t told = handle.exceptions.size();
    queue.group.settle(session.id, row, by, handle.exceptions);
    if (handle.exceptions.size() > told) note_late_outcome(session, row);
    if (row.verb == Verb::extend && row.lease == session.oldest_lease) {
      session.restart_oldest(now.mono);
    }
  }
  gated_bytes_ += (handle.exceptions.size() - told_before) * sizeof(protocol::Settled::Exception);
  // Records become rows of the next commit: a storm of nacks holds the socket back as SENDs do.
  const std::size_t failing = queue.group.failing_bytes();
  staged_bytes_ += failing > failing_before ? failing - failing_before : 0;
  answering_.emplace(session.id, handle.number);
  handle.settled_upto = std::max(handle.settled_upto.value_or(0), settle.number);
  note_ended(queue);
}

// Leases of which nothing is held any more leave their sessions.
void HubMachine::note_ended(Queue& queue) {
  touched_.insert(queue.log.id());
  for (const Group::Holder& holder : queue.group.take_ended()) {
    Session* session = find_session(holder.session);
    if (session == nullptr) continue;
    session->leases.erase(holder.lease);
    if (!session->leases.empty()) continue;
    session->alone = false;
    // Dry now: whichever queue waited for that, or has something for it, looks again.
    for (const auto& [number, handle] : session->handles) touched_.insert(handle.queue);
  }
}

// A handler that was given up is over after all.
void HubMachine::note_late_outcome(Session& session, const Settle::Row& row) {
  if (session.stuck == 0 || row.verb == Verb::give_back || row.verb == Verb::extend) return;
  session.stuck -= static_cast<std::uint32_t>(std::min<std::uint64_t>(session.stuck, row.length));
  for (const auto& [number, handle] : session.handles) touched_.insert(handle.queue);
}

// The worker itself ends a handler that takes too long; this is for one that does not. The oldest
// message of a session is started as soon as anything is, since workers start in the order of
// delivery; a lease and the margin more are the worker's own chance to say so first. Time counts
// while the worker is heard: one that stands still has no handler that runs. Such a handler
// keeps its slot until it says something. When every slot is kept, what is left cannot have been
// started and must not be blamed: it comes back uncounted.
void HubMachine::check_handlers(Session& session, Now now) {
  if (session.leases.empty()) return;
  const auto& [lease, log] = *session.leases.begin();
  Queue& queue = queues_.at(log);
  const std::uint64_t offset = queue.group.first_held(lease);
  // What waits for its commit is with no handler yet, however slow the disk is.
  const bool is_on_its_way = waiting_leases_.count(lease) != 0;
  if (is_on_its_way || lease != session.oldest_lease || offset != session.oldest_offset) {
    session.oldest_lease = lease;
    session.oldest_offset = offset;
    session.restart_oldest(now.mono);
    return;
  }
  const auto limit = queue.policy.handler_timeout;
  if (limit.count() == 0) return;
  const HubTiming& timing = config_.timing;
  const Instant lived_until = std::min(now.mono, last_heard(session));
  const Duration lived = lived_until - session.oldest_since - session.oldest_silence;
  if (lived < limit + timing.lease + timing.margin) return;
  note(LogLevel::warning, "worker \"" + session.peer + "\" has said nothing of " + queue.name +
                              "/0/" + std::to_string(offset) +
                              " for longer than its handler_timeout: it has failed");
  queue.group.on_handler_timeout(lease, judge(queue, session.peer, now));
  note_ended(queue);
  ++session.stuck;
  if (session.is_stuck()) release_all(session);
}

void HubMachine::release_all(Session& session) {
  session.running_dry_for = 0;
  const auto leases = session.leases;  // changes below
  for (const auto& [lease, log] : leases) {
    Queue& queue = queues_.at(log);
    queue.group.release(lease);
    note_ended(queue);
  }
}

// An idle worker, nothing to hand out, and another that sits on what it has not started: all of
// that is asked back, and for a beat is kept for others (may_hold). At most once a beat of each,
// and only of one whose oldest message has not moved for a quarter of one.
void HubMachine::recall_for_idle(Queue& queue, Now now) {
  if (queue.worker_handles.size() < 2) return;
  if (queue.ready() > 0) {
    touched_.insert(queue.log.id());  // what was kept for others may be for all again
    return;
  }
  bool one_is_idle = false;
  Session* fullest = nullptr;
  std::uint64_t most = 1;
  for (const auto& [session_id, number] : queue.worker_handles) {
    Session& session = *find_session(session_id);
    const Handle& handle = session.handles.at(number);
    if (!session.is_connected()) continue;
    const std::uint64_t held = queue.group.held_by(session_id);
    if (held == 0) {
      one_is_idle =
          one_is_idle || (!session.alone && session.running_dry_for == 0 && !session.is_stuck() &&
                          handle.delivered_messages < handle.credit_messages);
    } else if (held > most && now.mono - handle.recalled_at >= config_.timing.beat &&
               now.mono - session.oldest_since >= config_.timing.beat / 4) {
      most = held;
      fullest = &session;
    }
  }
  if (!one_is_idle || fullest == nullptr) return;
  Handle& handle = *fullest->handle_of(queue.log.id(), protocol::Role::worker);
  handle.recalled_at = now.mono;
  tell(*fullest, protocol::Recall{handle.number, most});
}

}  // namespace pawl
