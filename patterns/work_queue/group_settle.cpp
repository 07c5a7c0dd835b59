// SPDX-License-Identifier: Apache-2.0
// What answers, returns and deaths do with leased messages (G2, G3).
#include <algorithm>

#include "core/check.hpp"
#include "patterns/work_queue/group.hpp"
#include "patterns/work_queue/retry.hpp"

namespace pawl {

using protocol::Range;
using protocol::Settled;
using protocol::Verb;

namespace {

constexpr std::size_t reason_bytes_min = 64;
constexpr std::size_t range_reasons_bytes = 1024 * 1024;

}  // namespace

void Group::settle(SessionId session, const protocol::Settle::Row& row, const Judge& judge,
                   std::vector<Settled::Exception>& exceptions) {
  if (row.verb == Verb::extend) return extend(session, row, exceptions);
  for (const Part& part : held_parts(session, row.lease, row.offset, row.length, exceptions)) {
    apply_verb(part, row, judge);
  }
}

void Group::apply_verb(const Part& part, const protocol::Settle::Row& row, const Judge& judge) {
  const auto delay = row.delay_ms
                         ? std::optional<Duration>(std::chrono::milliseconds(*row.delay_ms))
                         : std::nullopt;
  const std::uint64_t end = part.offset + part.count;
  // Each message keeps the reason, so that of a long range is cut: a range with its records must
  // fit into a commit.
  const std::string_view reason =
      row.reason.substr(0, std::max(reason_bytes_min, range_reasons_bytes / part.count));
  switch (row.verb) {
    case Verb::ack:
      acked_ += part.count;
      drop(part.offset, part.count);
      return;
    case Verb::nack:
      for (std::uint64_t o = part.offset; o < end; ++o) {
        fail(o, FailureKind::nack, reason, delay, judge);
      }
      return;
    case Verb::reject:
      for (std::uint64_t o = part.offset; o < end; ++o) {
        fail(o, FailureKind::reject, reason, delay, judge);
      }
      return;
    case Verb::give_back:
      if (!delay) return give_back(part);
      for (std::uint64_t o = part.offset; o < end; ++o) return_delayed(o, delay, judge);
      return;
    case Verb::extend: return;  // answered before
  }
}

// The hub restarts the handler's time; nothing of it is kept here.
void Group::extend(SessionId session, const protocol::Settle::Row& row,
                   std::vector<Settled::Exception>& exceptions) const {
  const auto found = leases_.find(row.lease);
  if (found != leases_.end() && found->second.holder.session == session) return;
  exceptions.push_back({row.lease, {0, row.offset, row.length}, Code::stale});
}

// The parts of [offset, offset + length) that `session` holds under `lease`; the rest is told, a
// gap in one exception. Looks at the lease's own parts only and walks runs, never offsets: a range
// of 2^60 costs no more, and is answered with no more, than what is held in it.
const std::vector<Group::Part>& Group::held_parts(SessionId session, LeaseId lease,
                                                  std::uint64_t offset, std::uint64_t length,
                                                  std::vector<Settled::Exception>& exceptions) {
  std::vector<Part>& held = held_parts_;
  held.clear();
  const std::uint64_t end = offset + length;
  const auto found = leases_.find(lease);
  if (found != leases_.end() && found->second.holder.session == session) {
    parts_within(found->second, offset, end, found->second.held, held);
  }
  std::uint64_t told_to = offset;  // everything before is held or told
  const auto tell_gap = [&](std::uint64_t to) {
    if (to > told_to) {
      exceptions.push_back({lease, {0, told_to, to - told_to}, why_not_held(told_to, to)});
    }
  };
  for (const Part& part : held) {
    tell_gap(part.offset);
    told_to = part.offset + part.count;
  }
  tell_gap(end);
  return held;
}

// Of what is not held under the lease that was named: settled already, all of it; or stale.
Code Group::why_not_held(std::uint64_t offset, std::uint64_t end) {
  if (end > scanned_to_) return Code::stale;
  // Only the first and the last chunk can be active and have nothing in the range.
  for (auto chunk = chunk_from(offset); chunk != active_.end() && chunk->first < end; ++chunk) {
    const std::uint64_t from = std::max(offset, chunk->first);
    const Run* next =
        chunk->second.runs.first_from(static_cast<std::uint32_t>(from - chunk->first));
    if (next != nullptr && chunk->first + next->first < end) return Code::stale;
  }
  return Code::already_settled;
}

// What is held of [offset, end), to the end of the run that `messages_max` is reached in.
void Group::parts_within(const Lease& lease, std::uint64_t offset, std::uint64_t end,
                         std::uint64_t messages_max, std::vector<Part>& held) {
  for (std::size_t i = lease.part_after(offset); i < lease.parts.size(); ++i) {
    const std::uint64_t from = std::max(offset, lease.parts[i].offset);
    const std::uint64_t to = std::min(end, lease.parts[i].end());
    if (from >= end) break;
    // More than one if it was evacuated meanwhile.
    for (auto chunk = chunk_from(from); chunk != active_.end() && chunk->first < to; ++chunk) {
      const std::uint64_t base = chunk->first;
      const std::vector<Run>& runs = chunk->second.runs.all();
      const auto position = static_cast<std::uint32_t>(std::max(from, base) - base);
      const Run* run = chunk->second.runs.first_from(position);
      for (; run != nullptr && run != runs.data() + runs.size(); ++run) {
        const std::uint64_t begin = std::max(from, base + run->first);
        const std::uint64_t stop = std::min(to, base + run->end());
        if (begin >= stop) break;
        if (run->lease != lease.holder.lease) continue;
        held.push_back({begin, static_cast<std::uint32_t>(stop - begin)});
        if (messages_max <= held.back().count) return;
        messages_max -= held.back().count;
      }
    }
  }
}

std::vector<Group::Part> Group::parts_of(LeaseId lease) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return {};
  std::vector<Part> held;
  parts_within(found->second, 0, UINT64_MAX, found->second.held, held);
  return held;
}

std::uint64_t Group::number_of(SessionId session, LeaseId lease) const {
  const auto found = leases_.find(lease);
  if (found == leases_.end() || found->second.holder.session != session) return 0;
  return found->second.holder.number;
}

std::uint64_t Group::first_held(LeaseId lease) {
  std::vector<Part> held;
  parts_within(leases_.at(lease), 0, UINT64_MAX, 1, held);
  return held.front().offset;
}

void Group::release(LeaseId lease) {
  for (const Part& part : parts_of(lease)) give_back(part);
}

void Group::release_except(LeaseId lease, std::span<const Range> kept) {
  auto range = kept.begin();  // both ascend: one walk over each
  for (const Part& part : parts_of(lease)) {
    std::uint64_t at = part.offset;
    const std::uint64_t end = part.offset + part.count;
    while (range != kept.end() && range->offset + range->length <= at) ++range;
    for (auto next = range; next != kept.end() && next->offset < end; ++next) {
      const std::uint64_t from = std::clamp(next->offset, at, end);
      const std::uint64_t to = std::clamp(next->offset + next->length, at, end);
      if (from > at) give_back({at, static_cast<std::uint32_t>(from - at)});
      at = std::max(at, to);
    }
    if (end > at) give_back({at, static_cast<std::uint32_t>(end - at)});
  }
}

std::uint32_t Group::on_death(LeaseId lease, std::uint32_t slots, bool alone, const Judge& judge) {
  for (const Part& part : parts_of(lease)) {
    std::uint32_t started = std::min(slots, part.count);
    slots -= started;
    for (std::uint64_t offset = part.offset; started > 0; ++offset, --started) {
      if (alone) {
        fail(offset, FailureKind::death, "the worker died while it held only this message", {},
             judge);
      } else {
        suspect(offset, judge);
      }
    }
  }
  release(lease);  // what is left of it was never started
  return slots;
}

void Group::on_handler_timeout(LeaseId lease, const Judge& judge) {
  if (leases_.count(lease) == 0) return;
  fail(first_held(lease), FailureKind::timeout, "handler time-out", {}, judge);
}

void Group::give_back(const Part& part) {
  const FailingMessage* record = part.count == 1 ? record_of(part.offset) : nullptr;
  if (record != nullptr) {
    return change_single(part.offset,
                         record->must_be_alone() ? RunState::suspect : RunState::ready);
  }
  const auto chunk = chunk_at(part.offset);
  const auto first = static_cast<std::uint32_t>(part.offset - chunk->second.ref.offset);
  change(chunk, {first, part.count, RunState::ready, false, 0}, nullptr);
}

void Group::fail(std::uint64_t offset, FailureKind kind, std::string_view reason,
                 std::optional<Duration> delay, const Judge& judge) {
  Record& failed = record(offset);
  ++failed.failures;
  failed.suspect = false;  // its worker lived to answer, or it died alone and is past suspicion
  if (kind == FailureKind::death) {
    ++failed.deaths;
    ++failed.handouts;
  }
  add_failure(failed, kind, reason, judge);
  delay_or_bury(offset, failed, delay, judge, kind == FailureKind::reject);
}

void Group::suspect(std::uint64_t offset, const Judge& judge) {
  Record& held = record(offset);
  held.suspect = true;
  ++held.handouts;
  if (held.handouts >= handouts_max(judge.policy)) return delay_or_bury(offset, held, {}, judge);
  change_single(offset, RunState::suspect);
}

void Group::return_delayed(std::uint64_t offset, std::optional<Duration> delay,
                           const Judge& judge) {
  Record& returned = record(offset);
  ++returned.handouts;
  delay_or_bury(offset, returned, delay, judge);
}

void Group::delay_or_bury(std::uint64_t offset, FailingMessage& failed,
                          std::optional<Duration> delay, const Judge& judge, bool rejected) {
  const bool too_often = failed.handouts >= handouts_max(judge.policy);
  const bool dead = rejected || failed.failures >= judge.policy.max_attempts || too_often;
  // It is leased, and so in no index by its due time, which may change.
  if (!dead) {
    ++retried_;
    const std::uint32_t step = std::max(1U, failed.failures);
    failed.due =
        judge.now.hub + (delay ? *delay : backoff_delay(judge.policy.backoff, step, judge.random));
    change_single(offset, RunState::delayed);
    await_due(offset, failed);
  } else if (judge.rests_in_place) {
    failing_bytes_ -= counted_bytes(failed);
    failed.due = rests_forever;
    if (!keeps_rows_) failed.history = {};  // else with the row
    change_single(offset, RunState::delayed);
    await_due(offset, failed);
  } else {
    if (too_often && failed.failures < judge.policy.max_attempts) {
      add_failure(failed, FailureKind::death,
                  "handed out " + std::to_string(failed.handouts) + " times without an end", judge);
    }
    change_single(offset, RunState::dying);
  }
}

}  // namespace pawl
