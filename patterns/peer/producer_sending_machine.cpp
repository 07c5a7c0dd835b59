// SPDX-License-Identifier: Apache-2.0
// What goes out: SENDs within credit, in order, and again what was transiently refused.
#include <algorithm>

#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "patterns/peer/producer_machine.hpp"

namespace pawl::peer {
namespace {

constexpr std::uint32_t handle = 1;

}  // namespace

void ProducerMachine::tick(Instant now, ProducerEffects& effects) {
  if (session_.tick(now, 0, 0, effects.peer) == SessionMachine::News::ended) on_ended(effects);
  if (session_.greet_due(now)) session_.greet(now, {}, effects.peer);
  if (session_.established() && now >= open_at_) {
    open_at_ = never;
    on_welcomed(effects);
  }
  if (is_open()) send_due(now, effects);
}

Instant ProducerMachine::next_deadline() const {
  Instant due = std::min(session_.next_deadline(), open_at_);
  if (!is_open()) return due;
  for (std::size_t i = unsent_from_; i < batches_.size(); ++i) {
    for (const Segment& segment : batches_[i].segments) {
      // Without a time to wait for, it is credit that lacks, and that comes by itself.
      if (!segment.sent)
        return segment.retry_at == Instant{} ? due : std::min(due, segment.retry_at);
    }
  }
  return due;
}

// Rows of the hub never split a message, so a segment set back is cut out whole.
void ProducerMachine::set_back(std::uint64_t sequence, std::uint64_t length, Instant retry_at) {
  const std::uint64_t end = sequence + length;
  for (std::size_t i = 0; i < batches_.size() && batches_[i].sequence < end; ++i) {
    Batch& batch = batches_[i];
    if (batch.sequence + batch.count <= sequence) continue;
    std::vector<Segment> after;
    for (const Segment& segment : batch.segments) {
      const std::uint64_t first = batch.sequence + segment.first;
      const std::uint64_t from = std::clamp(sequence, first, first + segment.count);
      const std::uint64_t to = std::clamp(end, first, first + segment.count);
      const auto piece = [&](std::uint64_t a, std::uint64_t b, bool back) {
        if (a >= b) return;
        Segment part = segment;
        part.first = static_cast<std::uint32_t>(a - batch.sequence);
        part.count = static_cast<std::uint32_t>(b - a);
        if (back && part.sent) {
          part.sent = false;
          part.retry_at = retry_at;
          in_flight_ -= part.count;
          unsent_from_ = std::min(unsent_from_, i);
        }
        after.push_back(part);
      };
      piece(first, from, false);
      piece(from, to, true);
      piece(to, first + segment.count, false);
    }
    batch.segments = std::move(after);
  }
}

void ProducerMachine::send_due(Instant now, ProducerEffects& effects) {
  protocol::Send send;
  std::vector<Slice> frames;
  const auto flush = [&] {
    if (!send.parts.empty()) put(effects.peer, send, std::move(frames));
    send.parts.clear();
    frames.clear();
  };
  Batch* batch = nullptr;
  while (Segment* segment = first_unsent(batch)) {
    if (segment->retry_at > now) break;
    segment->retry_at = {};  // due: what it may wait for from here on is credit
    const std::uint32_t count = fits(*batch, *segment);
    if (count == 0) break;
    if (count < segment->count) {
      Segment rest = *segment;
      rest.first += count;
      rest.count -= count;
      segment->count = count;
      const auto at = segment - batch->segments.data();
      batch->segments.insert(batch->segments.begin() + at + 1, rest);
      segment = &batch->segments[static_cast<std::size_t>(at)];
    }
    const bool whole = count == batch->count;
    frames.push_back(whole ? batch->chunk : cut(batch->chunk, segment->first, count));
    used_messages_ += count;
    used_bytes_ += frames.back().size;
    in_flight_ += count;
    segment->sent = segment->ever_sent = true;
    send.parts.push_back(part_of(*batch, *segment));
    if (send.parts.size() == limits::send_parts_max) flush();
  }
  flush();
}

ProducerMachine::Segment* ProducerMachine::first_unsent(Batch*& batch) {
  for (; unsent_from_ < batches_.size(); ++unsent_from_) {
    batch = &batches_[unsent_from_];
    for (Segment& segment : batch->segments) {
      if (!segment.sent) return &segment;
    }
  }
  return nullptr;
}

// How many messages of the segment the credit admits; its bytes may be overdrawn by one message.
// While more credit is on its way, small crumbs wait for it.
std::uint32_t ProducerMachine::fits(const Batch& batch, const Segment& segment) const {
  if (used_messages_ >= credit_messages_ || used_bytes_ >= credit_bytes_) return 0;
  const auto messages_left = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(credit_messages_ - used_messages_, segment.count));
  const std::uint64_t bytes_left = credit_bytes_ - used_bytes_;
  if (messages_left == segment.count && batch.chunk.size <= bytes_left) return segment.count;
  ChunkReader reader(batch.chunk.bytes());
  reader.skip(segment.first);
  std::uint64_t bytes = 0;
  std::uint32_t count = 0;
  Entry entry;
  while (count < messages_left && bytes < bytes_left && reader.next(entry)) {
    bytes += entry.encoded_size;
    ++count;
  }
  if (count < segment.count && in_flight_ > 0 && count < segment.count / 4) return 0;
  return count;
}

protocol::Send::Part ProducerMachine::part_of(const Batch& batch, const Segment& segment) const {
  protocol::Send::Part part;
  part.handle = handle;
  part.epoch = epoch_;
  part.floor = floor();
  part.seq = batch.sequence + segment.first;
  part.count = segment.count;
  if (segment.tainted) part.flags |= protocol::send_flags::maybe_duplicate;
  return part;
}

// The lowest sequence without an answer (answered batches are gone from the front), or the lowest
// hole: everything below is kept, or was given up.
std::uint64_t ProducerMachine::floor() const {
  std::uint64_t lowest = next_sequence_;
  for (const Batch& batch : batches_) {
    if (batch.segments.empty()) continue;
    lowest = batch.sequence + batch.segments.front().first;
    break;
  }
  return !has_chosen_ ? lowest : std::min(lowest, holes_.lowest().value_or(lowest));
}

}  // namespace pawl::peer
