// SPDX-License-Identifier: Apache-2.0
// What producers send: judged, told apart from what is known already (G5), appended in order (G4),
// held back by credit (G6). Confirms wait for the commit that holds what they confirm (G1).
#include <algorithm>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {

using protocol::Command;
using protocol::Confirm;
using protocol::Send;

namespace {

constexpr const char* fenced_text =
    "a newer producer of this name has opened the queue: end one of the two, or give it another "
    "name";

constexpr std::uint64_t window_messages = 64 * 1024;
constexpr std::uint64_t reserve_messages = 64;  // of the window while the disk is at its reserve
// Of all chunks in one SEND with several: a commit holds that and what was there before.
constexpr std::size_t send_bytes_max = 2 * 1024 * 1024;
constexpr std::uint32_t retry_after_ms = 100;
constexpr std::uint32_t no_space_retry_after_ms = 1000;

// Spans on the wire are 32 bits of ms: a longer one is said as the longest.
std::uint32_t span_ms(std::chrono::milliseconds span) {
  return static_cast<std::uint32_t>(std::min<std::int64_t>(span.count(), UINT32_MAX));
}

// No producer comes near it by restarting; one that a peer makes up must not use up a name's
// epochs.
constexpr std::uint64_t epoch_max = std::uint64_t{1} << 40;

std::uint32_t retry_after(Code code) {
  if (code == Code::no_space) return no_space_retry_after_ms;
  return is_transient(code) ? retry_after_ms : 0;
}

}  // namespace

void HubMachine::open_producer(Session& session, Handle& handle, const protocol::Open& open,
                               Now now) {
  Queue& queue = queues_.at(handle.queue);
  handle.source = open.source;
  const auto [producer, unknown] = queue.producers.try_emplace(handle.source);
  ++producer->second.handles;
  queue.producer_handles.emplace_back(session.id, handle.number);
  handle.wanted_epoch = open.epoch;
  if (!unknown && producer->second.row.set.epoch != 0) return finish_open(session, handle, now);
  const std::uint64_t tag = next_read_++;
  handle.row_read = tag;
  pending_reads_[tag] = {PendingRead::Kind::producer, handle.queue, 0, session.id, handle.number};
  const std::string key = records::producer_key(handle.queue, handle.source);
  reads_.push_back({Space::state, key, key + '\0', 1, tag});
}

bool HubMachine::on_producer_row(SessionId session_id, std::uint32_t number, const Page& page) {
  Session* session = find_session(session_id);
  if (session == nullptr || session->handles.count(number) == 0) return true;
  Handle& handle = session->handles.at(number);
  // Resumed meanwhile, and opened anew: that OPEN has a read of its own.
  if (handle.row_read != page.tag) return true;
  Queue& queue = queues_.at(handle.queue);
  Queue::Producer& producer = queue.producers.at(handle.source);
  if (producer.row.set.epoch == 0 && !page.rows.empty()) {
    const auto row = records::decode_producer(page.rows.front().value.bytes());
    if (!row) return false;
    producer.row = *row;
  }
  finish_open(*session, handle, now_);
  return true;
}

void HubMachine::finish_open(Session& session, Handle& handle, Now now) {
  Queue& queue = queues_.at(handle.queue);
  protocol::Opened opened;
  opened.handle = handle.number;
  opened.durability = config_.durability;
  opened.handler_timeout_ms = span_ms(queue.policy.handler_timeout);
  opened.max_attempts = queue.policy.max_attempts;
  opened.body_bytes_max = queue.policy.message_bytes_max;
  opened.backoff_initial_ms = span_ms(queue.policy.backoff.initial);
  touched_.insert(handle.queue);
  if (handle.role == protocol::Role::worker) return tell(session, opened);

  Queue::Producer& producer = queue.producers.at(handle.source);
  ProducerSet& set = producer.row.set;
  const std::uint64_t wanted = handle.wanted_epoch;
  if ((wanted != 0 && wanted < set.epoch) || wanted > epoch_max) {
    tell_error(session, Code::fenced, fenced_text, Command::open, handle.number);
    --producer.handles;
    std::erase(queue.producer_handles, Queue::HandleKey{session.id, handle.number});
    session.handles.erase(handle.number);
    return;
  }
  // A new incarnation fences the older one; that must outlast a power cut before anything is
  // accepted of it.
  const std::uint64_t epoch = wanted == 0 ? set.epoch + 1 : wanted;
  force_durable_ = force_durable_ || epoch != set.epoch;
  set.epoch = epoch;
  producer.row.last_seen = now.hub;
  queue.dirty_producers.insert(handle.source);
  handle.epoch = epoch;
  ++producer_handles_;
  queue.wants_credit.emplace_back(session.id, handle.number);
  opened.epoch = epoch;
  opened.floor = set.floor;
  opened.forgotten = queue.forgotten > 0;
  opened.known = set.ranges;
  tell(session, opened);
}

void HubMachine::on_send(Session& session, const Send& send, const std::vector<Slice>& frames,
                         Now now) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < send.parts.size(); ++i) {
    const Send::Part& part = send.parts[i];
    bytes += frames[i].size;
    const auto handle = session.handles.find(part.handle);
    if (handle == session.handles.end() || handle->second.role != protocol::Role::producer ||
        handle->second.epoch == 0) {
      tell_error(session, Code::bad_frame, "SEND names a handle that is not open for a producer",
                 Command::send, part.handle);
      continue;
    }
    if (i > 0 && bytes > send_bytes_max) {
      queues_.at(handle->second.queue).wants_credit.emplace_back(session.id, handle->first);
      handle->second.used_messages += part.count;
      handle->second.used_bytes += frames[i].size;
      refuse(
          session, handle->second, part.seq, part.count,
          {Code::retry, "the chunks of one SEND are at most 2 MiB together: send this part alone"});
      continue;
    }
    on_part(session, handle->second, part, frames[i], now);
  }
}

void HubMachine::on_part(Session& session, Handle& handle, const Send::Part& part,
                         const Slice& chunk, Now now) {
  Queue& queue = queues_.at(handle.queue);
  touched_.insert(handle.queue);
  handle.refused.remove(0, std::min(part.floor, part.seq));
  const Fault fault = judge_part(queue, handle, part, chunk);
  queue.wants_credit.emplace_back(session.id, handle.number);
  handle.used_messages += part.count;
  handle.used_bytes += chunk.size;
  if (fault.code != Code::ok) return refuse(session, handle, part.seq, part.count, fault);
  Queue::Producer& producer = queue.producers.at(handle.source);
  producer.row.set.raise_floor(std::min(part.floor, part.seq));
  producer.row.last_seen = now.hub;
  queue.dirty_producers.insert(handle.source);
  accept_part(session, handle, part, chunk);
}

// Everything that can be said of a part before its messages are looked at one run at a time. Lanes,
// deliver_at and atomic SENDs never come this far: the decoder refuses them.
Fault HubMachine::judge_part(const Queue& queue, const Handle& handle, const Send::Part& part,
                             const Slice& chunk) const {
  if (part.epoch != handle.epoch ||
      queue.producers.at(handle.source).row.set.epoch != handle.epoch) {
    return {Code::fenced, fenced_text};
  }
  if (chunk.size > limits::chunk_bytes_aim && part.count > 1) {
    return {Code::too_large, "a chunk is at most 128 KiB, or one larger entry"};
  }
  if (Fault fault = check_chunk(chunk.bytes(), part.count, queue.policy.message_bytes_max);
      fault.code != Code::ok) {
    return fault;
  }
  if (const auto due = handle.refused.lowest(); due && part.seq > *due) {
    return {Code::retry, "an earlier sequence was refused: send that one again first"};
  }
  // Bytes may be overdrawn by one chunk, so that a large message never waits for ever.
  if (handle.used_messages + part.count > handle.granted_messages ||
      handle.used_bytes >= handle.granted_bytes) {
    return {Code::retry, "more was sent than CREDIT allows"};
  }
  return {};
}

void HubMachine::accept_part(Session& session, Handle& handle, const Send::Part& part,
                             const Slice& chunk) {
  Queue& queue = queues_.at(handle.queue);
  ProducerSet& set = queue.producers.at(handle.source).row.set;
  const std::uint64_t end = part.seq + part.count;
  handle.refused.remove(part.seq, part.count);
  // Once a message is refused, so is what follows it, but for what is kept already.
  std::optional<Fault> refusal;
  for (std::uint64_t at = part.seq; at < end;) {
    ProducerSet::Piece piece = set.piece(at, end - at);
    if (piece.known) {
      add_confirm(session, handle, {piece.first, piece.length, 0, 0, true});
      at += piece.length;
      continue;
    }
    const std::uint64_t unknown = piece.length;
    piece.length = std::min(piece.length, room(queue));
    if (!refusal && free_bytes_ == 0) {
      refusal = {Code::no_space,
                 "the hub's disk is at its reserve: free space or let workers go on"};
    } else if (!refusal && piece.length == 0) {
      refusal = {Code::full, "the queue is at its max_messages or max_bytes"};
    } else if (!refusal && !set.insert(piece.first, piece.length)) {
      refusal = {Code::retry, "too many gaps in this producer's sequences: send the lowest first"};
    }
    if (refusal) {
      refuse(session, handle, at, unknown, *refusal);
      at += unknown;
      continue;
    }
    const bool whole = piece.length == part.count;
    const Slice entries = whole ? chunk : cut(chunk, at - part.seq, piece.length);
    const std::uint64_t offset = queue.log.append(entries, piece.length);
    queue.accepted += piece.length;
    queue.live += piece.length;
    add_confirm(session, handle, {piece.first, piece.length, 0, offset, false});
    staged_bytes_ += entries.size;
    at += piece.length;
  }
}

// Rows that go on where the last one ended are one row: a million messages in order confirm in a
// line.
void HubMachine::add_confirm(Session& session, Handle& handle, const Confirm::Row& row) {
  answering_.emplace(session.id, handle.number);
  if (!handle.confirms.empty()) {
    Confirm::Row& last = handle.confirms.back();
    const bool goes_on = last.seq + last.length == row.seq && last.duplicate == row.duplicate &&
                         (row.duplicate || last.offset + last.length == row.offset);
    if (goes_on) {
      last.length += row.length;
      return;
    }
  }
  handle.confirms.push_back(row);
}

void HubMachine::refuse(Session& session, Handle& handle, std::uint64_t seq, std::uint64_t length,
                        const Fault& fault) {
  if (is_transient(fault.code)) {
    handle.refused.add(seq, length);
    // One whose set of sequences is kept has no more gaps than that: whoever has, loses its order.
    if (handle.refused.all().size() > limits::dedup_ranges_max) handle.refused.drop_highest();
  } else {
    handle.refused.remove(seq, length);
  }
  Queue& queue = queues_.at(handle.queue);
  queue.refused += length;
  touched_.insert(handle.queue);
  tell(session, protocol::Refuse{handle.number,
                                 {{seq, length, fault.code, fault.text, retry_after(fault.code)}}});
}

// How many more messages the policy `refuse` lets in; the other two never refuse: one withholds
// credit, one drops. Bytes are counted in whole chunks, so that bound may be overshot by one.
std::uint64_t HubMachine::room(const Queue& queue) const {
  const QueuePolicy& policy = queue.policy;
  if (policy.overflow != Overflow::refuse) return UINT64_MAX;
  const std::uint64_t bytes = queue.log.bytes() + queue.log.staged_bytes();
  if (policy.max_bytes != 0 && bytes >= policy.max_bytes) return 0;
  if (policy.max_messages == 0) return UINT64_MAX;
  return policy.max_messages - std::min(policy.max_messages, queue.live);
}

// Runs when a turn is sealed, so what is granted here is sent when all that was used before is
// stored: what a hub holds of one producer is never more than its window.
void HubMachine::grant_credit(Queue& queue) {
  std::vector<Queue::HandleKey> wanting = std::exchange(queue.wants_credit, {});
  if (queue.producer_handles.empty()) return;
  const std::uint64_t share =
      limits::producer_windows_bytes / std::max<std::size_t>(1, producer_handles_);
  std::uint64_t window_bytes = std::clamp<std::uint64_t>(share, limits::producer_window_bytes_min,
                                                         limits::producer_window_bytes_max);
  std::uint64_t messages = window_messages;
  if (free_bytes_ == 0) {
    // At the disk's reserve everything is refused, and what to do about that is the producer's
    // choice: it needs a little credit to be told.
    window_bytes = limits::producer_window_bytes_min;
    messages = reserve_messages;
  }
  if (queue.policy.overflow == Overflow::hold_back) {
    const QueuePolicy& policy = queue.policy;
    const bool full = (policy.max_bytes != 0 && queue.log.bytes() >= policy.max_bytes) ||
                      (policy.max_messages != 0 && queue.live >= policy.max_messages);
    if (full) {
      queue.window = {};  // all are held back, and asked again when there is room
      return;
    }
    if (policy.max_messages != 0) {
      const std::uint64_t open = policy.max_messages - queue.live;
      messages = std::clamp<std::uint64_t>(open / queue.producer_handles.size(), 1, messages);
    }
  }
  // While windows stay as they are, only who has used some of his can be granted more: a thousand
  // producers of a queue are not walked for each message.
  const std::pair window{messages, window_bytes};
  if (std::exchange(queue.window, window) != window) wanting = queue.producer_handles;
  for (const auto& [session_id, number] : wanting) {
    Session* const found = find_session(session_id);
    if (found == nullptr || found->handles.count(number) == 0) continue;  // gone meanwhile
    Session& session = *found;
    Handle& handle = session.handles.at(number);
    if (handle.epoch == 0) continue;
    const std::uint64_t messages_total = handle.used_messages + messages;
    const std::uint64_t bytes_total = handle.used_bytes + window_bytes;
    const bool grew = messages_total >= handle.granted_messages + (messages + 3) / 4 ||
                      bytes_total >= handle.granted_bytes + window_bytes / 4;
    if (!grew) continue;
    handle.granted_messages = std::max(handle.granted_messages, messages_total);
    handle.granted_bytes = std::max(handle.granted_bytes, bytes_total);
    tell(session, protocol::Credit{number, handle.granted_messages, handle.granted_bytes});
  }
}

}  // namespace pawl
