// SPDX-License-Identifier: Apache-2.0
// Handing out (G2, G4): what came back goes before what is fresh, lowest offset first; suspects go
// to a session that holds nothing else. Runs when a turn is sealed, so that fresh messages are
// leased in the same commit that stores them, and are sent when it is done.
#include <algorithm>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

// Of the bodies in one DELIVER: a row more is taken while it is below this.
constexpr std::size_t deliver_bytes_aim = 512 * 1024;
// A page of bodies read ahead, and how many reads may be under way.
constexpr std::size_t chunk_page_bytes = 1024 * 1024;
constexpr std::uint64_t chunks_ahead_max = 64;
constexpr std::size_t chunk_reads_max = 64, chunk_reads_ahead_max = chunk_reads_max / 2;
// What is read ahead of a scan whose chunks are not at hand, so that its workers do not wait for a
// read each time: as much as one takes ahead by default (WorkerOptions). All queues that do so
// share half of the cache.
constexpr std::uint64_t read_ahead_max = 4 * 1024 * 1024;
constexpr std::uint64_t read_ahead_all_max = limits::chunk_cache_bytes / 2;
// Above this a queue counts as failing when all of them together are over their bound.
constexpr std::size_t failing_bytes_few = 1024 * 1024;

}  // namespace

// A run that can be handed out now, cut to what is wanted of it.
struct HubMachine::Supply {
  ChunkRef ref;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t attempt = 1;
  bool fresh = false;
  Slice body;                   // of the whole chunk
  std::size_t byte_offset = 0;  // of `first` in it
};

void HubMachine::dispatch(Queue& queue) {
  if (queue.worker_handles.empty() || now_.mono < hold_until_) return;
  dispatch_suspects(queue);
  hand_out(queue);
  read_ahead(queue);
}

// One page at a time; the next one is asked for when it comes, not only when a commit ends. What
// is waited for comes first.
void HubMachine::read_ahead(Queue& queue) {
  const LogId id = queue.log.id();
  if (queue.worker_handles.empty() || queue.chunk_read_under_way) return;
  if (wanted_chunks_.size() >= chunk_reads_ahead_max || !hungry_.empty()) return;
  queue.log.at_scan(queue.group.scanned_to());  // what lies before it may be deleted
  const std::uint64_t sharers = std::max<std::uint64_t>(behind_.size(), 1);
  const ChunkRef* next =
      queue.log.next_ahead(std::min(read_ahead_max, read_ahead_all_max / sharers),
                           [&](const ChunkRef& ref) { return cache_.has(ref.chunk_id); });
  if (next != nullptr) {
    behind_.insert(id);
    want_chunk(id, next->chunk_id);
  } else if (queue.log.is_all_at_hand()) {
    behind_.erase(id);
  }
}

void HubMachine::hand_out(Queue& queue) {
  // Each round shares what there is evenly among those that can take: an idle worker is not left
  // without because another had more credit.
  for (;;) {
    const std::uint64_t supply = queue.ready() - queue.group.count(RunState::suspect);
    if (supply == 0) return;
    const std::vector<Queue::HandleKey> ready_takers = takers(queue, supply);
    if (ready_takers.empty()) return;
    const std::uint64_t share = (supply + ready_takers.size() - 1) / ready_takers.size();
    bool handed_out = false;
    for (const auto& [session_id, number] : ready_takers) {
      Session& session = *find_session(session_id);
      const std::uint64_t before = session.next_deliver;
      const Filled filled = fill(queue, session, session.handles.at(number), share);
      handed_out = handed_out || session.next_deliver != before;
      if (filled == Filled::no_body || filled == Filled::nothing) return;
    }
    if (!handed_out) return;
  }
}

// At most `most` worker handles with credit, in turn: who was served last is served last again.
// Those that something was just recalled from come only when no other has credit left.
std::vector<Queue::HandleKey> HubMachine::takers(Queue& queue, std::uint64_t most) {
  std::vector<Queue::HandleKey> able, recalled;
  const std::size_t n = queue.worker_handles.size();
  std::size_t next = (queue.next_worker + 1) % n;
  for (std::size_t i = 0; i < n && able.size() < most; ++i) {
    const Queue::HandleKey key = queue.worker_handles[(queue.next_worker + i) % n];
    const Session& session = *find_session(key.first);
    const Handle& handle = session.handles.at(key.second);
    if (session.alone || session.running_dry_for != 0 || !session.may_deliver()) continue;
    if (handle.delivered_messages >= handle.credit_messages) continue;
    if (handle.delivered_bytes >= handle.credit_bytes) continue;
    if (may_hold(queue, session, handle) == 0) continue;
    (is_just_recalled(handle) ? recalled : able).push_back(key);
    if (able.size() == most) next = (queue.next_worker + i + 1) % n;
  }
  queue.next_worker = next;
  return able.empty() ? recalled : able;
}

// A suspect goes to a session that holds nothing else. If none is idle, one is let run dry; others
// go on meanwhile.
void HubMachine::dispatch_suspects(Queue& queue) {
  hand_out_suspects(queue);
  if (queue.group.count(RunState::suspect) > 0 || !std::exchange(queue.has_run_dry, false)) return;
  for (const auto& [session_id, number] : queue.worker_handles) {
    Session& session = *find_session(session_id);
    if (session.running_dry_for == queue.log.id()) session.running_dry_for = 0;
  }
}

void HubMachine::hand_out_suspects(Queue& queue) {
  if (queue.group.count(RunState::suspect) == 0) return;
  Session* driest = nullptr;
  std::uint64_t fewest = UINT64_MAX;
  bool one_runs_dry = false;
  for (const auto& [session_id, number] : queue.worker_handles) {
    if (queue.group.count(RunState::suspect) == 0) return;
    Session& session = *find_session(session_id);
    Handle& handle = session.handles.at(number);
    one_runs_dry = one_runs_dry || session.running_dry_for == queue.log.id() || session.alone;
    if (!session.may_deliver() || session.alone) continue;
    if (!session.leases.empty()) {
      const std::uint64_t held = queue.group.held_by(session_id);
      if (held < fewest) driest = &session, fewest = held;
      continue;
    }
    if (handle.delivered_messages >= handle.credit_messages) continue;
    const auto candidate = queue.group.next_suspect();
    const Slice* body = body_of(queue, candidate->ref);
    if (body == nullptr) {
      queue.has_run_dry = true;
      session.running_dry_for = queue.log.id();  // kept free until the body has been read
      return;
    }
    session.running_dry_for = 0;
    session.alone = true;
    protocol::Deliver message{handle.number, 0, next_id(), {}};
    message.rows.push_back({0, candidate->ref.offset + candidate->first, 1, candidate->attempt,
                            protocol::deliver_flags::redelivered | protocol::deliver_flags::alone});
    queue.group.lease(candidate->ref, candidate->first, 1,
                      {message.lease, session.id, session.next_deliver});
    deliver(queue, session, handle, message, {cut(*body, candidate->first, 1)});
  }
  if (queue.group.count(RunState::suspect) > 0 && !one_runs_dry && driest != nullptr) {
    queue.has_run_dry = true;
    driest->running_dry_for = queue.log.id();
    Handle& handle = *driest->handle_of(queue.log.id(), protocol::Role::worker);
    tell(*driest, protocol::Recall{handle.number, queue.group.held_by(driest->id)});
  }
}

bool HubMachine::is_just_recalled(const Handle& handle) const {
  return handle.recalled_at != Instant{} && now_.mono - handle.recalled_at < config_.timing.beat;
}

// How many more a session may hold of a queue, whatever credit it grants (G6). What was recalled is
// for others, however few they take at once: for a beat its former holder is given no more than it
// can begin.
std::uint64_t HubMachine::may_hold(const Queue& queue, const Session& session,
                                   const Handle& handle) const {
  const std::uint64_t most = is_just_recalled(handle) ? session.slots : limits::held_messages_max;
  return most - std::min(queue.group.held_by(session.id), most);
}

HubMachine::Filled HubMachine::fill(Queue& queue, Session& session, Handle& handle,
                                    std::uint64_t messages_max) {
  protocol::Deliver message{handle.number, 0, 0, {}};
  std::size_t bytes = 0;
  Filled filled = Filled::all;
  const auto send_off = [&] {
    if (!message.rows.empty()) deliver(queue, session, handle, message, frames_.take());
    message.rows.clear();
    message.lease = 0;
    bytes = 0;
  };
  messages_max = std::min(messages_max, may_hold(queue, session, handle));
  while (messages_max > 0) {
    if (!session.may_deliver() || handle.delivered_messages >= handle.credit_messages ||
        handle.delivered_bytes >= handle.credit_bytes) {
      filled = Filled::no_credit;
      break;
    }
    Supply supply;
    filled = next_supply(queue, supply);
    if (filled != Filled::all) break;
    if (message.lease == 0) message.lease = next_id();
    const std::uint64_t count_max =
        std::min({messages_max, handle.credit_messages - handle.delivered_messages,
                  static_cast<std::uint64_t>(supply.count)});
    const std::size_t bytes_max = handle.credit_bytes - handle.delivered_bytes;
    const Bytes from = supply.body.bytes().subspan(supply.byte_offset);
    std::size_t size = from.size();
    std::uint32_t count = supply.count;
    if (count_max < count || size > bytes_max || supply.first + count < supply.ref.count) {
      // Not the whole rest of the chunk: walk to where it ends. One message may overdraw the bytes.
      ChunkReader reader(from);
      Entry entry;
      for (size = 0, count = 0; count < count_max && (count == 0 || size < bytes_max); ++count) {
        PAWL_CHECK(reader.next(entry));
        size += entry.encoded_size;
      }
    }
    message.rows.push_back({0, supply.ref.offset + supply.first, count, supply.attempt,
                            supply.fresh ? 0 : protocol::deliver_flags::redelivered});
    frames_.add(message.rows.back(),
                {supply.body.buffer, supply.body.offset + supply.byte_offset, size});
    queue.group.lease(supply.ref, supply.first, count,
                      {message.lease, session.id, session.next_deliver});
    (supply.fresh ? queue.fresh_cut : queue.ready_cut) = {supply.ref.chunk_id, supply.first + count,
                                                          supply.byte_offset + size};
    handle.delivered_messages += count;
    handle.delivered_bytes += size;
    messages_max -= count;
    bytes += size;
    if (message.rows.size() == limits::frames_max || bytes >= deliver_bytes_aim) send_off();
  }
  send_off();
  return filled;
}

// At the bound a queue hands out nothing fresh until some of its failing messages have ended (G6).
bool HubMachine::fails_too_much(const Queue& queue) const {
  const std::size_t bytes = queue.group.failing_bytes();
  return bytes > limits::failing_bytes_max ||
         (failing_bytes_ > limits::failing_bytes_all_max && bytes > failing_bytes_few);
}

HubMachine::Filled HubMachine::next_supply(Queue& queue, Supply& supply) {
  const auto ready = queue.group.next_ready();
  if (ready) {
    supply = {ready->ref, ready->first, ready->count, ready->attempt, false, {}, 0};
  } else {
    if (fails_too_much(queue)) return Filled::nothing;
    const ChunkRef* ref = at_scan(queue);
    if (ref == nullptr) return Filled::nothing;
    const auto first = static_cast<std::uint32_t>(queue.group.scanned_to() - ref->offset);
    supply = {*ref, first, ref->count - first, 1, true, {}, 0};
  }
  const Slice* body = body_of(queue, supply.ref);
  if (body == nullptr) return Filled::no_body;
  supply.body = *body;
  Queue::Cut from = supply.fresh ? queue.fresh_cut : queue.ready_cut;
  if (from.chunk_id != supply.ref.chunk_id || from.position > supply.first) from = {};
  const Bytes rest = body->bytes().subspan(from.bytes);
  supply.byte_offset = from.bytes + ChunkReader(rest).skip(supply.first - from.position);
  return Filled::all;
}

// The chunk at the scan; if it is not in memory, its index row is on its way or there is none.
const ChunkRef* HubMachine::at_scan(Queue& queue) {
  const ChunkRef* ref = queue.log.at_scan(queue.group.scanned_to());
  const std::uint64_t tag = next_read_;
  if (auto wanted = queue.log.wants_index(tag)) {
    ++next_read_;
    pending_reads_[tag] = {PendingRead::Kind::index, queue.log.id(), 0, 0, 0};
    reads_.push_back(std::move(*wanted));
  } else if (ref == nullptr && queue.fresh() > 0 && !queue.log.index_read_under_way()) {
    queue.waits_for_rows = true;
  }
  return ref;
}

const Slice* HubMachine::body_of(Queue& queue, const ChunkRef& ref) {
  const Slice* body = cache_.find(ref.chunk_id);
  if (body == nullptr) want_chunk(queue.log.id(), ref.chunk_id);
  return body;
}

void HubMachine::want_chunk(LogId queue, std::uint64_t chunk_id) {
  const auto under_way = wanted_chunks_.find(chunk_id);
  if (under_way != wanted_chunks_.end()) {
    under_way->second.insert(queue);
    return;
  }
  if (wanted_chunks_.size() >= chunk_reads_max) {
    hungry_.insert(queue);  // asked again when one of those has come
    return;
  }
  wanted_chunks_[chunk_id].insert(queue);
  queues_.at(queue).chunk_read_under_way = true;
  const std::uint64_t tag = next_read_++;
  PendingRead& read = pending_reads_[tag];
  read = {PendingRead::Kind::chunks, queue, chunk_id, 0, 0};
  read.readable = chunk_id < readable_chunk_id_;
  // Chunks written one after another are read one after another: a page serves the next ones too.
  reads_.push_back({Space::chunks, records::chunk_key(chunk_id),
                    records::chunk_key(chunk_id + chunks_ahead_max), chunk_page_bytes, tag});
}

bool HubMachine::on_page(const Page& page) {
  const auto pending = pending_reads_.find(page.tag);
  PAWL_CHECK(pending != pending_reads_.end());
  const PendingRead read = pending->second;
  pending_reads_.erase(pending);
  touched_.insert(read.queue);
  switch (read.kind) {
    case PendingRead::Kind::index: return queues_.at(read.queue).log.on_index(page);
    case PendingRead::Kind::producer: return on_producer_row(read.session, read.handle, page);
    case PendingRead::Kind::sweep: return on_producer_rows(page, read.queue);
    case PendingRead::Kind::chunks: break;
  }
  // Backwards, so that the one that was asked for is the last that the cache would let go. Others'
  // chunks that lie between take no room from what somebody is to be given.
  const MessageLog& log = queues_.at(read.queue).log;
  for (auto row = page.rows.rbegin(); row != page.rows.rend(); ++row) {
    const std::uint64_t id = records::number_at_end(row->key);
    if (wanted_chunks_.count(id) != 0 || log.is_ahead(id)) {
      cache_.put(id, row->value);
    } else {
      cache_.put_if_room(id, row->value);
    }
  }
  const bool found =
      !page.rows.empty() && records::number_at_end(page.rows.front().key) == read.chunk_id;
  queues_.at(read.queue).chunk_read_under_way = false;
  const auto waiting = wanted_chunks_.extract(read.chunk_id);
  for (const LogId id : waiting.mapped()) {
    touched_.insert(id);
    read_ahead(queues_.at(id));
  }
  touched_.merge(hungry_);
  hungry_.clear();
  return found || on_missing_chunk(read);
}

std::string HubMachine::read_under(std::uint64_t tag) const {
  const PendingRead& read = pending_reads_.at(tag);
  const std::string& name = queues_.at(read.queue).name;
  if (read.kind != PendingRead::Kind::chunks) return "rows of queue " + name;
  return "messages of queue " + name + " (chunk " + std::to_string(read.chunk_id) + ")";
}

// A chunk may have been deleted while it was being read; nothing refers to it then, and it is not
// asked for again. One whose commit is under way is asked for again when that is done. A chunk that
// was there to be read, was not found, and is wanted all the same, is lost: false. So is one whose
// id was never given out.
bool HubMachine::on_missing_chunk(const PendingRead& read) {
  constexpr std::size_t missed_max = 1024;  // deleted ones would stay for ever
  if (read.chunk_id >= next_chunk_id_) return false;
  if (!read.readable) return true;
  if (missed_chunks_.size() >= missed_max) missed_chunks_.clear();
  return missed_chunks_.insert(read.chunk_id).second;
}

void HubMachine::deliver(Queue& queue, Session& session, Handle& handle, protocol::Deliver& message,
                         std::vector<Slice> frames) {
  message.number = session.next_deliver++;
  std::uint64_t bytes = 0;
  for (const Slice& frame : frames) bytes += frame.size;
  session.sent_bytes += bytes;
  session.unreceived.emplace_back(message.number, session.sent_bytes);
  session.leases.emplace(message.lease, queue.log.id());
  waiting_leases_.emplace(message.lease, session.id);
  if (message.rows.front().flags & protocol::deliver_flags::alone) {
    ++handle.delivered_messages;
    handle.delivered_bytes += frames.front().size;
  }
  tell(session, message, std::move(frames));
}

}  // namespace pawl
