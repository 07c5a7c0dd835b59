// SPDX-License-Identifier: Apache-2.0
// What became of messages: outcomes, time-outs, SETTLE and SETTLED, and what is held at a resume.
#include <algorithm>
#include <tuple>

#include "core/check.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "patterns/peer/worker_machine.hpp"

namespace pawl::peer {
namespace {

constexpr std::uint32_t handle = 1;
constexpr std::size_t settle_rows_bytes_max =
    limits::header_bytes_max - protocol::header_overhead_max;

using Held = protocol::Hello::Held;

bool is_plain(protocol::Verb verb) {
  return verb == protocol::Verb::ack || verb == protocol::Verb::give_back;
}

}  // namespace

// Something was delivered between these two of one lease and is held no more.
bool WorkerMachine::has_hole(const Held& before, const Held& after) const {
  const std::uint64_t from = before.range.offset + before.range.length;
  if (from >= after.range.offset) return false;
  const auto found = rows_of_.find(before.lease);
  if (found == rows_of_.end()) return true;  // one row
  const std::vector<protocol::Range>& rows = found->second;
  const auto next = std::partition_point(rows.begin(), rows.end(), [&](const auto& row) {
    return std::pair(row.lane, row.offset + row.length) <= std::pair(before.range.lane, from);
  });
  // That of `after`, or a sooner one; none if the hub has used the lease twice.
  if (next == rows.end() || next->lane != before.range.lane) return true;
  return std::max(next->offset, from) < after.range.offset;
}

// Sorted; what was delivered as neighbours under one lease is one range.
std::vector<Held> WorkerMachine::merged(std::vector<Held> list) const {
  std::sort(list.begin(), list.end(), [](const Held& a, const Held& b) {
    return std::tuple(a.lease, a.range) < std::tuple(b.lease, b.range);
  });
  std::vector<Held> result;
  for (const Held& next : list) {
    Held* last = result.empty() ? nullptr : &result.back();
    const bool joins = last != nullptr && last->lease == next.lease &&
                       last->range.lane == next.range.lane && !has_hole(*last, next);
    if (!joins) {
      result.push_back(next);
      continue;
    }
    last->range.length =
        std::max(last->range.length, next.range.offset + next.range.length - last->range.offset);
  }
  return result;
}

void WorkerMachine::on_finished(Finished finished) {
  may_grow_ = true;
  const auto at = hands_.find(finished.hand);
  const std::uint32_t count = finished.count;
  const std::uint32_t settled =
      at == hands_.end() ? 0 : close_spans(at->second, std::move(finished));
  counts_.stale += count - settled;
  if (at == hands_.end() || !at->second.open.empty()) return;
  bytes_at_hand_ -= at->second.bytes;
  hands_.erase(at);
}

void WorkerMachine::add_rows(const InHand& hand, Finished finished) {
  hand.each_part(finished.first, finished.count, [&](const Run& run, const auto& range) {
    finished.count -= static_cast<std::uint32_t>(range.length);
    add_row({finished.verb, run.lease, range, finished.delay_ms,
             finished.count == 0 ? std::move(finished.reason) : finished.reason});
  });
}

// Takes the range out of the open spans and makes rows of it. Returns how many messages were open.
std::uint32_t WorkerMachine::close_spans(InHand& hand, Finished finished) {
  if (Span& front = hand.open.front();
      front.first == finished.first && front.count >= finished.count && finished.count > 0) {
    const std::uint32_t count = finished.count;
    add_rows(hand, std::move(finished));
    front.first += count;
    front.count -= count;
    if (front.count == 0) hand.open.erase(hand.open.begin());
    in_hand_ -= count;
    return count;
  }
  std::vector<Span> rest;
  std::uint32_t closed = 0;
  for (const Span& span : hand.open) {
    const std::uint32_t first = std::max(span.first, finished.first);
    const std::uint32_t end = std::min(span.first + span.count, finished.first + finished.count);
    if (first >= end) {
      rest.push_back(span);
      continue;
    }
    closed += end - first;
    Finished part = finished;
    part.first = first;
    part.count = end - first;
    add_rows(hand, std::move(part));
    if (first > span.first) rest.push_back({span.first, first - span.first, {}});
    const std::uint32_t span_end = span.first + span.count;
    if (span_end > end) rest.push_back({end, span_end - end, {}});
  }
  hand.open = std::move(rest);
  in_hand_ -= closed;
  return closed;
}

void WorkerMachine::on_extend(const Extend& extend, Instant now) {
  const auto at = hands_.find(extend.hand);
  if (at == hands_.end()) return;
  InHand& hand = at->second;
  for (Span& span : hand.begun) {
    if (extend.index >= span.first && extend.index < span.first + span.count) span.at = now;
  }
  add_rows(hand, {extend.hand, extend.index, 1, protocol::Verb::extend, {}, {}});
}

void WorkerMachine::expire_handlers(Instant now, WorkerEffects& effects) {
  for (auto at = hands_.begin(); at != hands_.end();) {
    const std::uint64_t id = at->first;
    InHand& hand = at->second;
    ++at;  // on_finished may erase it
    const auto late = [&](const Span& span) { return now >= span.at + handler_timeout_; };
    std::vector<Span> expired;
    std::copy_if(hand.begun.begin(), hand.begun.end(), std::back_inserter(expired), late);
    if (expired.empty()) continue;
    std::erase_if(hand.begun, late);
    const std::uint64_t stale = counts_.stale;
    for (const Span& span : expired) {
      const std::uint64_t before = in_hand_;
      on_finished({id, span.first, span.count, protocol::Verb::nack, {}, "handler time-out"});
      if (before > in_hand_) effects.timed_out.push_back({id, span.first, span.count});
      counts_.timed_out += before - in_hand_;
      if (hands_.count(id) == 0) break;
    }
    counts_.stale = stale;  // what had an outcome already is not late
  }
}

Instant WorkerMachine::next_timeout() const {
  Instant due = never;
  if (!has_handler_timeout()) return due;
  for (const auto& [id, hand] : hands_) {
    for (const Span& span : hand.begun) due = std::min(due, span.at + handler_timeout_);
  }
  return due;
}

void WorkerMachine::add_row(Row row) {
  if (row.reason.size() > limits::reason_bytes_max) row.reason.resize(limits::reason_bytes_max);
  if (row.verb != protocol::Verb::extend) unsent_ += row.range.length;
  rows_.push_back(std::move(row));
}

protocol::Settle::Row WorkerMachine::on_wire(const Row& row) {
  return {row.verb,         row.lease,    row.range.lane, row.range.offset,
          row.range.length, row.delay_ms, row.reason};
}

// Neighbours with the same outcome become one row: a thousand acks in a run are one.
void WorkerMachine::send_settles(WorkerEffects& effects) {
  if (rows_.empty()) return;
  // In the order of lease, lane and offset, and what is equal in that of their coming. Rows are
  // large, so their places are sorted.
  std::vector<std::tuple<std::uint64_t, std::uint32_t, std::uint64_t, std::size_t>> order;
  order.reserve(rows_.size());
  for (const Row& row : rows_) {
    order.emplace_back(row.lease, row.range.lane, row.range.offset, order.size());
  }
  // Handlers end in the order of delivery, mostly.
  if (!std::is_sorted(order.begin(), order.end())) std::sort(order.begin(), order.end());
  Record record;
  record.rows.reserve(std::min(rows_.size(), limits::rows_max));
  std::size_t bytes = 0;
  const auto flush = [&] {
    record.number = ++settle_number_;
    send_record(record, effects);
    records_.push_back(std::exchange(record, {}));
    bytes = 0;
  };
  for (const auto& place : order) {
    Row& row = rows_[std::get<3>(place)];
    Row* last = record.rows.empty() ? nullptr : &record.rows.back();
    if (last != nullptr && last->verb == row.verb && is_plain(row.verb) &&
        last->lease == row.lease && last->range.lane == row.range.lane &&
        last->range.offset + last->range.length == row.range.offset &&
        last->delay_ms == row.delay_ms) {
      last->range.length += row.range.length;
      continue;
    }
    const std::size_t size = protocol::encoded_bytes_max(on_wire(row));
    if (record.rows.size() == limits::rows_max || bytes + size > settle_rows_bytes_max) flush();
    bytes += size;
    record.rows.push_back(std::move(row));
  }
  flush();
  rows_.clear();
  unsent_ = 0;
}

void WorkerMachine::send_record(const Record& record, WorkerEffects& effects) {
  protocol::Settle settle;
  settle.handle = handle;
  settle.number = record.number;
  settle.rows.reserve(record.rows.size());
  for (const Row& row : record.rows) settle.rows.push_back(on_wire(row));
  put(effects.peer, settle);
}

void WorkerMachine::on_settled(const protocol::Settled& settled) {
  if (settled.handle != handle) return;
  settled_upto_ = std::max(settled_upto_, settled.upto);
  while (!records_.empty() && records_.front().number <= settled.upto) {
    count_settled(records_.front(), settled);
    records_.pop_front();
  }
}

void WorkerMachine::count_settled(const Record& record, const protocol::Settled& settled) {
  for (const Row& row : record.rows) {
    std::uint64_t stale = 0;
    for (const auto& exception : settled.exceptions) {
      // Settled before: by this very SETTLE, sent again after its answer was lost.
      if (exception.code == Code::already_settled || exception.lease != row.lease) continue;
      if (exception.range.lane != row.range.lane) continue;
      const std::uint64_t first = std::max(row.range.offset, exception.range.offset);
      const std::uint64_t end = std::min(row.range.offset + row.range.length,
                                         exception.range.offset + exception.range.length);
      if (first < end) stale += end - first;
    }
    stale = std::min(stale, row.range.length);
    const std::uint64_t settled_count = row.range.length - stale;
    switch (row.verb) {
      case protocol::Verb::ack: counts_.acked += settled_count; break;
      case protocol::Verb::nack: counts_.nacked += settled_count; break;
      case protocol::Verb::reject: counts_.rejected += settled_count; break;
      case protocol::Verb::give_back: counts_.returned += settled_count; break;
      case protocol::Verb::extend: continue;
    }
    counts_.stale += stale;
  }
}

std::uint64_t WorkerMachine::unanswered() const {
  std::uint64_t count = unsent_;
  for (const Record& record : records_) {
    for (const Row& row : record.rows) {
      if (row.verb != protocol::Verb::extend) count += row.range.length;
    }
  }
  return count;
}

std::vector<protocol::Range> WorkerMachine::open_ranges() const {
  std::vector<protocol::Range> ranges;
  for (const auto& [id, hand] : hands_) {
    for (const Span& span : hand.open) {
      hand.each_part(span.first, span.count,
                     [&](const Run&, const protocol::Range& range) { ranges.push_back(range); });
    }
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

bool WorkerMachine::is_empty() const {
  return ready_.empty() && hands_.empty() && rows_.empty() && records_.empty();
}

// Everything that is not answered, in at most held_ranges_max ranges. The hub frees what is not
// listed, so what does not fit is given up here, the latest first: ready messages; outcomes, which
// are said all the same and are stale if that was their first time; and last, hands.
SessionMachine::Resume WorkerMachine::held(WorkerEffects& effects) {
  SessionMachine::Resume resume{got_, {}};
  if (!session_.has_token()) return resume;
  std::vector<Held> outcomes = merged(held_outcomes());
  std::vector<Held> held = held_in_hand();
  held.insert(held.end(), outcomes.begin(), outcomes.end());
  held = merged(std::move(held));
  if (held.size() > limits::held_ranges_max) {
    give_up_hands(limits::held_ranges_max, effects);
    held = merged(held_in_hand());
    outcomes.resize(std::min(outcomes.size(), limits::held_ranges_max - held.size()));
    held.insert(held.end(), outcomes.begin(), outcomes.end());
    held = merged(std::move(held));
  }
  for (;;) {
    std::vector<Held> all = held;
    for (const Run& run : ready_) {
      all.push_back({handle, run.lease, {run.lane, run.offset, run.count}});
    }
    resume.held = merged(std::move(all));
    if (resume.held.size() <= limits::held_ranges_max) return resume;
    // Each of these took at most one range.
    for (std::size_t over = resume.held.size() - limits::held_ranges_max; over > 0; --over) {
      PAWL_CHECK(!ready_.empty());
      ready_messages_ -= ready_.back().count;
      bytes_at_hand_ -= ready_.back().chunk.size;
      ready_.pop_back();
    }
  }
}

std::vector<WorkerMachine::Held> WorkerMachine::held_in_hand() const {
  std::vector<Held> held;
  for (const auto& [id, hand] : hands_) {
    for (const Span& span : hand.open) {
      hand.each_part(span.first, span.count, [&](const Run& run, const protocol::Range& range) {
        held.push_back({handle, run.lease, range});
      });
    }
  }
  return held;
}

std::vector<WorkerMachine::Held> WorkerMachine::held_outcomes() const {
  std::vector<Held> held;
  for (const Record& record : records_) {
    for (const Row& row : record.rows) held.push_back({handle, row.lease, row.range});
  }
  for (const Row& row : rows_) held.push_back({handle, row.lease, row.range});
  return held;
}

// Keeps the oldest hands that make at most `ranges_max` ranges. What is worked on in the others is
// lost: somebody else may have it at once.
void WorkerMachine::give_up_hands(std::size_t ranges_max, WorkerEffects& effects) {
  std::size_t ranges = 0;
  std::erase_if(hands_, [&](const auto& entry) {
    const InHand& hand = entry.second;
    for (const Span& span : hand.open) {
      hand.each_part(span.first, span.count, [&](const Run&, const auto&) { ++ranges; });
    }
    if (ranges <= ranges_max) return false;
    for (const Span& span : hand.open) in_hand_ -= span.count;
    bytes_at_hand_ -= hand.bytes;
    effects.lost_hands.push_back(entry.first);
    return true;
  });
}

void WorkerMachine::check_invariants() const {
  std::uint64_t ready = 0, bytes = 0, in_hand = 0, unsent = 0;
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    ready += ready_[i].count;
    bytes += ready_[i].chunk.size;
    if (i > 0) PAWL_CHECK(ready_[i - 1].order <= ready_[i].order);
  }
  for (const auto& [id, hand] : hands_) {
    PAWL_CHECK(!hand.open.empty());
    std::uint64_t hand_bytes = 0;
    for (const Run& run : *hand.runs) {
      const std::uint32_t begun = std::min(run.first, hand.count);
      const std::uint32_t kept = std::min(hand.count - begun, run.count);
      hand_bytes += cut(run.chunk, 0, kept).size;
    }
    PAWL_CHECK(hand_bytes == hand.bytes);
    bytes += hand.bytes;
    PAWL_CHECK(hand.open.back().first + hand.open.back().count <= hand.count);
    for (const Span& span : hand.open) in_hand += span.count;
  }
  for (const Row& row : rows_) {
    if (row.verb != protocol::Verb::extend) unsent += row.range.length;
  }
  PAWL_CHECK(ready == ready_messages_ && in_hand == in_hand_ && unsent == unsent_);
  PAWL_CHECK(bytes == bytes_at_hand_);
}

}  // namespace pawl::peer
