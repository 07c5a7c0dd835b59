// SPDX-License-Identifier: Apache-2.0
// Recovery is the ordinary door: a fresh store, a restart after kill -9 and a failed commit all
// come in here. Counters, cursors and leases are read; everything else is paged when it is needed.
#include <algorithm>
#include <functional>

#include "core/check.hpp"
#include "core/protocol/names.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

constexpr std::size_t page_bytes = 1024 * 1024;

// Reads every row of a range, page by page. `each` answers with a Fault for a row it cannot take.
Fault read_all(Store& store, records::KeyRange range,
               const std::function<Fault(const Row&)>& each) {
  for (;;) {
    const Result<Page> page = store.read_now({Space::state, range.from, range.to, page_bytes, 0});
    if (!page) return page.fault();
    for (const Row& row : page->rows) {
      if (Fault fault = each(row); fault.code != Code::ok) return fault;
    }
    if (page->complete || page->rows.empty()) return {};
    range.from = page->rows.back().key + '\0';
  }
}

Fault unreadable(std::string_view what) {
  return {Code::unsupported, "the store holds a row (" + std::string(what) +
                                 ") that this version cannot read: it is damaged, or of another "
                                 "version; restore a backup or use the version that wrote it"};
}

// Ids are boot << 40 | counter: one of a boot that is yet to come would be given out again. So a
// store that has lost its hub row is refused, too.
bool is_given_out(std::uint64_t id, std::uint64_t boot) {
  return id >> 40 >= 1 && id >> 40 <= boot;
}

// Whether what an active row says fits together, to the failure records and to the rows before it:
// a damaged store is refused, it does not end the process later.
bool is_consistent(const records::ActiveRow& row, const Group& group, std::uint64_t boot) {
  if (group.chunk_of(row.ref.offset) != nullptr) return false;
  if (!is_given_out(row.ref.chunk_id, boot)) return false;
  for (const Run& run : row.runs) {
    if (row.ref.offset + run.end() > group.scanned_to()) return false;
    const bool has_record =
        run.count == 1 && group.record_of(row.ref.offset + run.first) != nullptr;
    if (run.single != has_record) return false;
    const bool needs_record = run.state == RunState::delayed || run.state == RunState::suspect ||
                              run.state == RunState::dying;
    if (needs_record && !has_record) return false;
  }
  return std::all_of(row.leases.begin(), row.leases.end(), [&](const auto& lease) {
    return is_given_out(lease.lease, boot) && is_given_out(lease.session, boot) &&
           (group.held_under(lease.lease) == 0 ||
            group.number_of(lease.session, lease.lease) == lease.number);
  });
}

// G7: whatever was accepted is live, acked or moved, and each failure record stands for a message.
bool adds_up(const Queue& queue, std::uint64_t records, std::uint64_t singles) {
  std::uint64_t live = queue.log.tail() - queue.group.scanned_to();
  for (const RunState state :
       {RunState::ready, RunState::leased, RunState::delayed, RunState::suspect, RunState::dying}) {
    live += queue.group.count(state);
  }
  return queue.live == live && queue.accepted == live + queue.group.acked() + queue.dead &&
         records == singles;
}

}  // namespace

Result<std::unique_ptr<HubMachine>> HubMachine::recover(HubConfig config, Store& store,
                                                        Entropy& entropy, std::string machine_boot,
                                                        Now now) {
  std::unique_ptr<HubMachine> hub(new HubMachine(std::move(config), entropy));
  hub->config_.durability = store.durability();
  hub->keeps_rows_ = store.is_read_again();
  hub->now_ = now;
  hub->started_at_ = hub->last_turn_ = now.mono;
  if (Fault fault = hub->read_hub_row(store, std::move(machine_boot)); fault.code != Code::ok) {
    return fault;
  }
  if (Fault fault = hub->read_queues(store); fault.code != Code::ok) return fault;
  if (Fault fault = hub->read_sessions(store); fault.code != Code::ok) return fault;
  if (Fault fault = hub->begin_boot(store, now); fault.code != Code::ok) return fault;
  // Asks for the index at each scan, where it is written how old the oldest fresh message is.
  for (auto& [id, queue] : hub->queues_) {
    if (queue.fresh() > 0) hub->at_scan(queue);
  }
  return hub;
}

Fault HubMachine::read_hub_row(Store& store, std::string machine_boot) {
  const std::string key = records::hub_key();
  const Result<Page> page = store.read_now({Space::state, key, key + '\0', 1, 0});
  if (!page) return page.fault();
  PAWL_CHECK(page->rows.empty() || keeps_rows_);  // what was left out cannot be read again
  if (page->rows.empty()) {
    hub_row_.store_id = entropy_.bytes16();
    hub_row_.clean = true;
  } else {
    const auto row = records::decode_hub(page->rows.front().value.bytes());
    if (!row) return unreadable("hub");
    if (row->format != records::format_version) {
      return {Code::unsupported, "the store has format " + std::to_string(row->format) +
                                     ", this version reads format " +
                                     std::to_string(records::format_version) +
                                     " only: use the version of pawl that wrote it"};
    }
    hub_row_ = *row;
  }
  // Leases are written but not synced. They survive kill -9; when the machine went down without a
  // clean end they may be gone, and workers may still believe in them.
  if (!hub_row_.clean && hub_row_.machine_boot != machine_boot) {
    hold_until_ = now_.mono + std::max(hub_row_.promised, lease_and_margin());
  } else {
    hub_row_.machine_boot = machine_boot;
  }
  // While it waits, the row names the old boot: a kill in the meantime must not cut the wait short.
  machine_boot_ = std::move(machine_boot);
  now_.hub = std::max(now_.hub, hub_row_.time_floor);
  return {};
}

Fault HubMachine::read_queues(Store& store) {
  const Fault fault = read_all(store, records::all_queues(), [this](const Row& row) -> Fault {
    const auto queue_row = records::decode_queue(row.value.bytes());
    const std::string name(records::name_in_queue_key(row.key));
    if (!queue_row || protocol::check_queue_name(name).code != Code::ok ||
        queue_row->log - 1 >= UINT32_MAX - 1 || queues_.count(queue_row->log) != 0) {
      return unreadable("queue");
    }
    next_log_ = queue_row->log;
    Queue& queue = make_queue(name);
    queue.is_dead_letter = queue_row->is_dead_letter;
    queue.name_is_new = false;
    return {};
  });
  if (fault.code != Code::ok) return fault;
  for (auto& [id, queue] : queues_) {
    next_log_ = std::max(next_log_, id + 1);
    if (Fault broken = read_queue(store, queue); broken.code != Code::ok) return broken;
  }
  return {};
}

Fault HubMachine::read_queue(Store& store, Queue& queue) {
  const LogId id = queue.log.id();
  const std::string key = records::counters_key(id);
  const Result<Page> page = store.read_now({Space::state, key, key + '\0', 1, 0});
  if (!page) return page.fault();
  if (!page->rows.empty()) {
    const auto counters = records::decode_counters(page->rows.front().value.bytes());
    if (!counters || counters->scanned_to > counters->tail || counters->tail > INT64_MAX ||
        counters->scan_chunk > counters->scanned_to) {
      return unreadable("counters");
    }
    queue.log.restore(*counters);
    queue.group.restore(*counters);
    queue.accepted = counters->accepted;
    queue.dead = counters->dead;
    queue.refused = counters->refused;
    queue.expired = counters->expired;
    queue.live = counters->live;
    queue.forgotten = counters->forgotten;
    queue.counters_row = records::encode(*counters);
  }
  std::uint64_t failures = 0, singles = 0;
  Fault fault = read_all(store, records::all_failures(id), [&](const Row& row) -> Fault {
    const std::uint64_t offset = records::number_at_end(row.key);
    auto record = records::decode_failure(row.value.bytes());
    if (!record || row.key != records::failure_key(id, offset)) return unreadable("failure");
    queue.group.restore(offset, std::move(*record));
    ++failures;
    return {};
  });
  if (fault.code != Code::ok) return fault;
  fault = read_all(store, records::all_active(id), [&](const Row& row) -> Fault {
    const std::uint64_t offset = records::number_at_end(row.key);
    const auto active = records::decode_active(offset, row.value.bytes());
    if (!active || row.key != records::active_key(id, offset) ||
        !is_consistent(*active, queue.group, hub_row_.boot)) {
      return unreadable("active chunk");
    }
    queue.group.restore(*active);
    for (const Run& run : active->runs) singles += run.single ? 1 : 0;
    return {};
  });
  if (fault.code != Code::ok) return fault;
  if (!adds_up(queue, failures, singles)) return unreadable("counters");
  return check_chunk_at_scan(store, queue);
}

// The chunk at the scan stands in two rows, unless it was evacuated; what is left of it is handed
// out by its index row.
Fault HubMachine::check_chunk_at_scan(Store& store, const Queue& queue) {
  const std::uint64_t scanned_to = queue.group.scanned_to();
  const ChunkRef* active = scanned_to == 0 ? nullptr : queue.group.chunk_of(scanned_to - 1);
  if (active == nullptr) return {};
  const std::string key = records::index_key(queue.log.id(), active->offset);
  const Result<Page> page = store.read_now({Space::state, key, key + '\0', 1, 0});
  if (!page) return page.fault();
  if (page->rows.empty() && active->end() <= scanned_to) return {};
  const auto indexed =
      page->rows.empty() ? std::nullopt
                         : records::decode_index(active->offset, page->rows.front().value.bytes());
  return indexed == *active ? Fault{} : unreadable("active chunk");
}

// Sessions of workers outlast the hub, with what they hold, until lease + margin from now. Not so
// when leases may be gone: a worker that resumed would go on to believe in one that no row knows
// of. It is told that its session is gone, and so believes nothing, before anything is handed out
// again (G2).
Fault HubMachine::read_sessions(Store& store) {
  const Fault fault = read_all(store, records::all_sessions(), [this](const Row& row) -> Fault {
    const auto session_row = records::decode_session(row.value.bytes());
    const SessionId id = records::number_at_end(row.key);
    if (!session_row || row.key != records::session_key(id) || !is_given_out(id, hub_row_.boot) ||
        by_token_.count(session_row->token) != 0) {
      return unreadable("session");
    }
    if (hold_until_ != Instant{}) {
      gone_rows_.push_back(id);
      return {};
    }
    Session& session = sessions_[id];
    session.id = id;
    session.token = session_row->token;
    session.peer = session_row->peer;
    session.slots = session_row->slots;
    session.has_row = true;
    by_token_[session.token] = id;
    // A lease that was made shorter since is still believed in for as long as it was promised.
    session.deadline = now_.mono + std::max(hub_row_.promised, lease_and_margin());
    index_deadline(session);
    return {};
  });
  if (fault.code != Code::ok) return fault;
  for (auto& [id, queue] : queues_) {
    for (const Group::Holder& holder : queue.group.holders()) {
      Session* session = find_session(holder.session);
      if (session == nullptr) {
        // Its row was written with or before its first lease; without it nobody can answer.
        queue.group.release(holder.lease);
        continue;
      }
      if (!session->leases.emplace(holder.lease, id).second) return unreadable("active chunk");
      session->next_deliver = std::max(session->next_deliver, holder.number + 1);
    }
    queue.group.take_ended();
    for (const SessionId holder : queue.group.holders_alone()) {
      if (queue.group.held_by(holder) != 1) return unreadable("active chunk");
      sessions_.at(holder).alone = true;
    }
  }
  for (const auto& [id, session] : sessions_) {
    if (session.alone && session.leases.size() != 1) return unreadable("active chunk");
  }
  return {};
}

// Ids of this boot must never be used again, so its number is synced before anything is served.
Fault HubMachine::begin_boot(Store& store, Now now) {
  ++hub_row_.boot;
  hub_row_.clean = false;
  const bool may_be_believed = !sessions_.empty() || hold_until_ != Instant{};
  hub_row_.promised =
      may_be_believed ? std::max(hub_row_.promised, lease_and_margin()) : lease_and_margin();
  hub_row_.time_floor = std::max(hub_row_.time_floor, now.hub);
  next_chunk_id_ = readable_chunk_id_ = hub_row_.boot << 40 | 1;
  Commit commit;
  commit.puts.push_back({Space::state, records::hub_key(), records::encode(hub_row_)});
  commit.durable = true;
  store.submit(std::move(commit));
  store.settle();
  std::vector<StoreEvent> events;
  store.drain(events);
  for (const StoreEvent& event : events) {
    if (const auto* unknown = std::get_if<Unknown>(&event)) return {Code::retry, unknown->text};
  }
  for (const auto& [id, queue] : queues_) touched_.insert(id);
  return {};
}

}  // namespace pawl
