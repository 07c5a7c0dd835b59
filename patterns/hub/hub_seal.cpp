// SPDX-License-Identifier: Apache-2.0
// The end of a turn: moves to dead letters, appends and leases become rows of one commit, and what
// peers are to be told of them waits for it (G1: nothing is confirmed, handed out or answered
// before the commit that holds it is done).
#include <algorithm>

#include "core/check.hpp"
#include "core/limits.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

constexpr auto prune_every = std::chrono::seconds(10);
constexpr auto producer_idle_max = std::chrono::seconds(60);  // in memory; its row stays
constexpr auto time_floor_every = std::chrono::seconds(1);
constexpr auto reserve_note_every = std::chrono::seconds(30);

}  // namespace

HubMachine::Sealed HubMachine::seal(Now now) {
  now_ = now;
  Sealed sealed;
  const std::set<LogId> before_moves = touched_;
  for (const LogId id : before_moves) {
    Queue& queue = queues_.at(id);
    move_dying(queue);
  }
  const std::set<LogId> turn = std::exchange(touched_, {});
  sealed_.clear();
  std::size_t evacuation = 0;
  for (const LogId id : turn) {
    Queue& queue = queues_.at(id);
    queue.log.seal(now.hub, next_chunk_id_, cache_, sealed.commit);
    evacuate_sparse(queue, evacuation, sealed.commit);
    drop_oldest_over_limit(queue, now);
    sealed_.push_back(id);
  }
  staged_bytes_ = 0;
  for (const LogId id : turn) dispatch(queues_.at(id));
  for (const LogId id : turn) {
    Queue& queue = queues_.at(id);
    write_queue_rows(queue, sealed.commit);
    write_producer_rows(queue, sealed.commit);
    grant_credit(queue);
  }
  write_session_rows(sealed.commit);
  answer_peers();
  sealed.commit.durable = sealed.commit.durable || std::exchange(force_durable_, false);
  if (keeps_rows_ && !sealed.commit.empty() && now.hub - hub_row_.time_floor >= time_floor_every) {
    hub_row_.time_floor = now.hub;
    sealed.commit.puts.push_back({Space::state, records::hub_key(), records::encode(hub_row_)});
  }
  sealed.gated = std::exchange(gated_, {});
  gated_bytes_ = 0;
  touched_.merge(again_);
  again_.clear();
  return sealed;
}

void HubMachine::on_committed() {
  for (const LogId id : sealed_) {
    Queue& queue = queues_.at(id);
    queue.log.on_committed(queue.log.sealed_tail());
    if (std::exchange(queue.waits_for_rows, false)) touched_.insert(id);
  }
  sealed_.clear();
  sending_leases_.merge(waiting_leases_);
  waiting_leases_.clear();
  readable_chunk_id_ = next_chunk_id_;  // ids are given in seal() only
}

void HubMachine::write_queue_rows(Queue& queue, Commit& commit) {
  const LogId id = queue.log.id();
  if (std::exchange(queue.name_is_new, false)) {
    commit.puts.push_back({Space::state, records::queue_key(queue.name),
                           records::encode(records::QueueRow{id, queue.is_dead_letter})});
  }
  for (const ChunkRef& ref : queue.group.take_finished()) {
    commit.deletes.push_back({Space::state, records::index_key(id, ref.offset)});
    commit.deletes.push_back({Space::chunks, records::chunk_key(ref.chunk_id)});
    queue.log.on_trimmed(ref);
    cache_.erase(ref.chunk_id);
  }
  queue.group.write_rows(commit);
  has_sparse_ = has_sparse_ || !queue.group.sparse().empty();
  queue.take_off_settled();
  const std::size_t failing = queue.group.failing_bytes();
  failing_bytes_ += failing - std::exchange(queue.failing_seen, failing);
  if (keeps_rows_) write_counters(queue, commit);
  const auto due = queue.group.next_due();
  if (due == queue.due_at) return;
  if (queue.due_at) due_.erase({*queue.due_at, id});
  if (due) due_.emplace(*due, id);
  queue.due_at = due;
}

void HubMachine::write_counters(Queue& queue, Commit& commit) {
  std::string row = records::encode(records::CountersRow{
      queue.log.sealed_tail(), queue.group.scanned_to(), queue.group.scan_chunk(),
      queue.log.bytes(), queue.accepted, queue.group.acked(), queue.group.retried(), queue.expired,
      queue.dead, queue.refused, queue.live, queue.forgotten});
  if (row == queue.counters_row) return;
  queue.counters_row = row;
  commit.puts.push_back({Space::state, records::counters_key(queue.log.id()), std::move(row)});
}

void HubMachine::write_producer_rows(Queue& queue, Commit& commit) {
  const std::set<std::string> written = std::exchange(queue.dirty_producers, {});
  for (const std::string& source : written) {
    const Queue::Producer& producer = queue.producers.at(source);
    commit.puts.push_back({Space::state, records::producer_key(queue.log.id(), source),
                           records::encode(producer.row)});
  }
  for (const std::string& key : std::exchange(queue.forgotten_keys, {})) {
    // It came back since the sweep saw it.
    if (queue.producers.count(std::string(records::source_in_producer_key(key))) != 0) continue;
    commit.deletes.push_back({Space::state, key});
  }
  if (now_.mono < queue.next_prune) return;
  queue.next_prune = now_.mono + prune_every;
  // Without an open handle a row is only memory: unless this commit writes it, it is in the store.
  std::erase_if(queue.producers, [&](const auto& entry) {
    return entry.second.handles == 0 && written.count(entry.first) == 0 &&
           now_.hub - entry.second.row.last_seen > producer_idle_max;
  });
}

void HubMachine::write_session_rows(Commit& commit) {
  for (const SessionId id : dirty_sessions_) {
    Session& session = sessions_.at(id);
    session.has_row = true;
    if (!keeps_rows_) continue;
    const records::SessionRow row{session.token, session.peer, session.slots};
    commit.puts.push_back({Space::state, records::session_key(id), records::encode(row)});
  }
  dirty_sessions_.clear();
  for (const SessionId id : gone_rows_) {
    if (keeps_rows_) commit.deletes.push_back({Space::state, records::session_key(id)});
  }
  gone_rows_.clear();
}

void HubMachine::answer_peers() {
  for (const auto& [session_id, number] : std::exchange(answering_, {})) {
    Session* session = find_session(session_id);
    if (session == nullptr) continue;
    const auto found = session->handles.find(number);
    if (found == session->handles.end()) continue;
    Handle& handle = found->second;
    confirm(*session, handle);
    if (!handle.settled_upto) continue;
    // Only the last page says that all is answered: what it does not except is done as it was
    // asked.
    protocol::Settled settled{number, handle.answered_upto, {}};
    std::vector<protocol::Settled::Exception>& told = handle.exceptions;
    std::size_t at = 0;
    do {
      const std::size_t end = std::min(told.size(), at + limits::rows_max);
      settled.exceptions.assign(told.begin() + static_cast<std::ptrdiff_t>(at),
                                told.begin() + static_cast<std::ptrdiff_t>(end));
      at = end;
      if (at == told.size()) settled.upto = *handle.settled_upto;
      tell(*session, settled);
    } while (at < told.size());
    handle.answered_upto = *handle.settled_upto;
    told.clear();
    handle.settled_upto.reset();
  }
}

void HubMachine::confirm(Session& session, Handle& handle) {
  const std::vector<protocol::Confirm::Row> rows = std::exchange(handle.confirms, {});
  protocol::Confirm message{handle.number, config_.durability, {}};
  for (std::size_t at = 0; at < rows.size(); at += limits::rows_max) {
    const std::size_t end = std::min(rows.size(), at + limits::rows_max);
    message.rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(at),
                        rows.begin() + static_cast<std::ptrdiff_t>(end));
    tell(session, message);
  }
}

void HubMachine::tick(Now now, bool socket_was_empty) {
  now_ = now;
  // A turn that came late (SIGSTOP, a slow disk) is our silence, not the peers': every deadline
  // moves. Postponing is always safe.
  const Duration gap = last_turn_ == Instant{} ? Duration{} : now.mono - last_turn_;
  if (gap > config_.timing.beat / 2 && gap > expected_sleep_) postpone(gap);
  last_turn_ = now.mono;
  for (const SessionId id : std::exchange(heard_, {})) {
    Session* session = find_session(id);
    if (session == nullptr) continue;
    session->heard = false;
    touch(*session, now);
  }
  expire_sessions(now, socket_was_empty);
  while (!due_.empty() && due_.begin()->first <= now.hub) {
    Queue& queue = queues_.at(due_.begin()->second);
    due_.erase(due_.begin());
    queue.due_at.reset();
    queue.group.wake_due(now.hub);
    touched_.insert(queue.log.id());
  }
  if (hold_until_ != Instant{} && now.mono >= hold_until_) {
    hold_until_ = {};
    hub_row_.machine_boot = machine_boot_;
    hub_row_.time_floor = {};  // so that the row is written with the next commit
    for (const auto& [id, queue] : queues_) touched_.insert(id);
  }
  if (now.mono < next_maintenance_) return;
  next_maintenance_ = now.mono + config_.timing.beat / 4;
  has_sparse_ = false;
  for (auto& [id, session] : sessions_) check_handlers(session, now);
  for (auto& [id, queue] : queues_) {
    recall_for_idle(queue, now);
    watch_sparse(queue, now);
  }
  sweep_producers(now);
}

void HubMachine::postpone(Duration by) {
  for (auto& [id, session] : sessions_) {
    session.deadline += by;
    session.oldest_since += by;
    index_deadline(session);
  }
  if (hold_until_ != Instant{}) hold_until_ += by;
}

std::optional<Duration> HubMachine::time_to_next_deadline(Now now) {
  std::optional<Duration> least;
  const auto consider = [&](Duration in) {
    in = std::max(in, Duration{});
    least = std::min(least.value_or(in), in);
  };
  if (!sessions_.empty() || has_sparse_) consider(next_maintenance_ - now.mono);
  if (!deadlines_.empty()) {
    // One that has passed waits for the socket to be read to its end; it is not looked at each
    // turn.
    const bool waits = overdue_since_ != never;
    consider(std::max(deadlines_.begin()->first, waits ? overdue_since_ + overdue_max : Instant{}) -
             now.mono);
  }
  if (!due_.empty()) consider(due_.begin()->first - now.hub);
  if (hold_until_ != Instant{}) consider(hold_until_ - now.mono);
  // The machine's own sleep is no stall.
  expected_sleep_ = least.value_or(Duration::max() / 2) + config_.timing.beat / 2;
  return least;
}

void HubMachine::set_free_bytes(std::uint64_t free_bytes) {
  const bool freed = free_bytes_ == 0 && free_bytes > 0;
  // A store that is worked off as fast as it is filled crosses the line many times a second.
  if (free_bytes_ > 0 && free_bytes == 0 && last_turn_ >= next_reserve_note_) {
    next_reserve_note_ = last_turn_ + reserve_note_every;
    note(LogLevel::warning,
         "the store is at its reserve: new messages are held back or refused until it has room, "
         "workers go on");
  }
  free_bytes_ = free_bytes;
  if (!freed) return;
  for (const auto& [id, queue] : queues_) touched_.insert(id);  // credit is granted again
}

Commit HubMachine::clean_end(Now now) {
  // While it waits for leases that may have been lost, the next one must wait, too (G2).
  hub_row_.clean = hold_until_ == Instant{};
  hub_row_.time_floor = now.hub;
  Commit commit;
  commit.puts.push_back({Space::state, records::hub_key(), records::encode(hub_row_)});
  commit.durable = true;
  return commit;
}

}  // namespace pawl
