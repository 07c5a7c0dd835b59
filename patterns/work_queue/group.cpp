// SPDX-License-Identifier: Apache-2.0
// The group's state: who holds what, and its indexes. What answers and deaths do with it stands in
// group_settle.cpp, how it is written down in group_rows.cpp.
#include "patterns/work_queue/group.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "core/find_near.hpp"

namespace pawl {
namespace {

std::size_t index_of(RunState state) {
  return static_cast<std::size_t>(state);
}

std::uint32_t position(const ChunkRef& ref, std::uint64_t offset) {
  return static_cast<std::uint32_t>(offset - ref.offset);
}

}  // namespace

std::optional<Group::Candidate> Group::next_ready() {
  if (ready_chunks_.empty()) return std::nullopt;
  ActiveChunk& chunk = active_.at(*ready_chunks_.begin());
  const Run* run = chunk.runs.first_ready();
  const std::uint32_t attempt = run->single ? attempt_of(chunk.ref.offset + run->first) : 1;
  return Candidate{chunk.ref, run->first, run->count, attempt};
}

std::optional<Group::Candidate> Group::next_suspect() const {
  if (suspects_.empty()) return std::nullopt;
  const std::uint64_t offset = *suspects_.begin();
  const ChunkRef& ref = *chunk_of(offset);
  return Candidate{ref, position(ref, offset), 1, attempt_of(offset)};
}

void Group::lease(const ChunkRef& ref, std::uint32_t first, std::uint32_t count,
                  const Holder& holder) {
  const std::uint64_t offset = ref.offset + first;
  const std::uint64_t end = offset + count;
  PAWL_CHECK(end <= ref.end());
  if (end > scanned_to_) {
    PAWL_CHECK(offset == scanned_to_);
    const auto chunk = active_.try_emplace(ref.offset, ActiveChunk{.ref = ref}).first;
    scanned_to_ = end;
    scan_chunk_ = end == ref.end() ? end : ref.offset;
    return change(chunk, {first, count, RunState::leased, false, holder.lease}, &holder);
  }
  const auto chunk = chunk_at(offset);
  const Run* run = chunk->second.runs.find(first);
  PAWL_CHECK(run != nullptr && run->end() >= first + count);
  PAWL_CHECK(run->state == RunState::ready || run->state == RunState::suspect);
  change(chunk, {first, count, RunState::leased, run->single, holder.lease}, &holder);
}

void Group::wake_due(HubTime now) {
  while (!due_.empty() && due_.front().due <= now) {
    const Due next = due_.front();
    due_.pop();
    change_single(next.offset, next.is_alone ? RunState::suspect : RunState::ready);
  }
}

void Group::await_due(std::uint64_t offset, const FailingMessage& record) {
  // must_be_alone(): nothing of that changes while it waits.
  due_.push({record.due, offset, record.must_be_alone()});
}

std::optional<HubTime> Group::next_due() const {
  if (due_.empty() || due_.front().due == rests_forever) return std::nullopt;
  return due_.front().due;
}

const FailingMessage* Group::record_of(std::uint64_t offset) const {
  return failing_.find(offset);
}

void Group::on_moved(std::uint64_t offset) {
  PAWL_CHECK(dying_.count(offset) == 1);
  drop(offset, 1);
}

bool Group::condemn_oldest(const std::optional<ChunkRef>& fresh, const Judge& judge) {
  std::optional<std::uint64_t> oldest;
  if (const auto ready = next_ready()) oldest = ready->ref.offset + ready->first;
  if (!suspects_.empty())
    oldest = std::min(oldest.value_or(*suspects_.begin()), *suspects_.begin());
  if (!oldest && fresh && fresh->contains(scanned_to_)) {
    oldest = scanned_to_;
    active_.try_emplace(fresh->offset, ActiveChunk{.ref = *fresh});
    ++scanned_to_;
    scan_chunk_ = scanned_to_ == fresh->end() ? scanned_to_ : fresh->offset;
  }
  if (!oldest) return false;
  add_failure(record(*oldest), FailureKind::overflow, "the queue was full: oldest dropped", judge);
  change_single(*oldest, RunState::dying);
  return true;
}

std::uint64_t Group::count(RunState state) const {
  return totals_[index_of(state)];
}

std::uint64_t Group::held_by(SessionId session) const {
  const auto held = held_by_.find(session);
  return held == held_by_.end() ? 0 : held->second;
}

std::uint64_t Group::held_under(LeaseId lease) const {
  const auto found = leases_.find(lease);
  return found == leases_.end() ? 0 : found->second.held;
}

const ChunkRef* Group::chunk_of(std::uint64_t offset) const {
  auto after = active_.upper_bound(offset);
  if (after == active_.begin()) return nullptr;
  const ChunkRef& ref = std::prev(after)->second.ref;
  return ref.contains(offset) ? &ref : nullptr;
}

std::optional<HubTime> Group::oldest_ready() const {
  std::optional<HubTime> oldest;
  if (!ready_chunks_.empty()) oldest = active_.at(*ready_chunks_.begin()).ref.stored_at;
  if (!suspects_.empty()) {
    const HubTime stored = chunk_of(*suspects_.begin())->stored_at;
    oldest = std::min(oldest.value_or(stored), stored);
  }
  return oldest;
}

std::vector<Group::Holder> Group::take_ended() {
  return std::exchange(ended_, {});
}
std::vector<ChunkRef> Group::take_finished() {
  return std::exchange(finished_, {});
}

std::vector<Group::Holder> Group::holders() const {
  std::vector<Holder> all;
  for (const auto& [id, lease] : leases_) all.push_back(lease.holder);
  return all;
}

Group::Chunks::iterator Group::chunk_from(std::uint64_t offset) {
  if (found_chunk_ && (*found_chunk_)->second.ref.contains(offset)) return *found_chunk_;
  auto chunk = active_.upper_bound(offset);
  if (chunk != active_.begin() && std::prev(chunk)->second.ref.end() > offset) --chunk;
  if (chunk != active_.end()) found_chunk_ = chunk;
  return chunk;
}

Group::Chunks::iterator Group::chunk_at(std::uint64_t offset) {
  const auto chunk = chunk_from(offset);
  PAWL_CHECK(chunk != active_.end() && chunk->second.ref.contains(offset));
  return chunk;
}

void Group::erase_chunk(Chunks::iterator chunk) {
  if (found_chunk_ == chunk) found_chunk_.reset();
  active_.erase(chunk);
}

// Every change of a live message's state passes here: holders, places and counts follow.
void Group::change(Chunks::iterator chunk, const Run& run, const Holder* holder) {
  ActiveChunk& active = chunk->second;
  const std::uint64_t offset = active.ref.offset + run.first;
  const std::size_t at = active.runs.index_from(run.first);
  unhold(active, at, run.first, run.count);
  if (run.single) forget_place(offset, active.runs, at);
  active.runs.assign(run, at);
  if (holder != nullptr) hold(*holder, {offset, run.count});
  if (run.state == RunState::suspect) suspects_.insert(offset);
  if (run.state == RunState::dying) dying_.insert(offset);
  reindex(chunk);
}

// One with a record. Whoever delays it says until when: await_due().
void Group::change_single(std::uint64_t offset, RunState state) {
  const auto chunk = chunk_at(offset);
  change(chunk, {position(chunk->second.ref, offset), 1, state, true, 0}, nullptr);
}

// Settles messages: they stand in no run any more.
void Group::drop(std::uint64_t offset, std::uint32_t count) {
  const auto chunk = chunk_at(offset);
  ActiveChunk& active = chunk->second;
  const std::uint32_t first = position(active.ref, offset);
  const std::size_t at = active.runs.index_from(first);
  unhold(active, at, first, count);
  if (count == 1 && at < active.runs.all().size() && active.runs.all()[at].single) {
    forget_place(offset, active.runs, at);
    forget_record(offset);
  }
  active.runs.erase(first, count, at);
  settled_ += count;
  reindex(chunk);
  finish_if_done(chunk);
}

void Group::hold(const Holder& holder, const Part& part) {
  Lease& lease = leases_[holder.lease];
  lease.holder = holder;
  lease.held += part.count;
  const auto at = static_cast<std::ptrdiff_t>(lease.part_after(part.offset));
  lease.parts.insert(lease.parts.begin() + at, part);
  held_by_[holder.session] += part.count;
}

std::size_t Group::Lease::part_after(std::uint64_t offset) const {
  return find_near(parts, found, [offset](const Part& part) { return part.end() <= offset; });
}

void Group::Lease::trim(std::uint64_t offset, std::uint32_t count) {
  Part& part = parts.at(part_after(offset));
  if (part.offset != offset) return;
  const std::uint32_t gone = std::min(part.count, count);  // one run may be of two parts
  part.offset += gone;
  part.count -= gone;
}

// What of [first, first + count) is leased, from the run with index `at` on, is held no more.
void Group::unhold(const ActiveChunk& chunk, std::size_t at, std::uint32_t first,
                   std::uint32_t count) {
  if (chunk.runs.count(RunState::leased) == 0) return;
  const std::uint32_t end = first + count;
  const std::vector<Run>& runs = chunk.runs.all();
  for (auto run = runs.begin() + static_cast<std::ptrdiff_t>(at);
       run != runs.end() && run->first < end; ++run) {
    if (run->state != RunState::leased) continue;
    const std::uint32_t from = std::max(first, run->first);
    const std::uint32_t taken = std::min(end, run->end()) - from;
    const auto lease = leases_.find(run->lease);
    PAWL_CHECK(lease != leases_.end() && lease->second.held >= taken);
    lease->second.held -= taken;
    lease->second.trim(chunk.ref.offset + from, taken);
    const auto session = held_by_.find(lease->second.holder.session);
    session->second -= taken;
    if (session->second == 0) held_by_.erase(session);
    if (lease->second.held == 0) {
      ended_.push_back(lease->second.holder);
      leases_.erase(lease);
    }
  }
}

void Group::reindex(Chunks::iterator chunk) {
  ActiveChunk& active = chunk->second;
  const bool was_ready = active.indexed[index_of(RunState::ready)] > 0;
  for (std::size_t state = 1; state < totals_.size(); ++state) {
    const std::uint32_t now = active.runs.count(static_cast<RunState>(state));
    if (now == active.indexed[state]) continue;
    totals_[state] = totals_[state] - active.indexed[state] + now;
    active.indexed[state] = now;
  }
  const bool is_ready = active.indexed[index_of(RunState::ready)] > 0;
  if (is_ready && !was_ready) ready_chunks_.insert(chunk->first);
  if (!is_ready && was_ready) ready_chunks_.erase(chunk->first);
  const bool was_sparse = std::exchange(active.is_sparse, is_sparse(active));
  if (active.is_sparse && !was_sparse) sparse_.insert(chunk->first);
  if (!active.is_sparse && was_sparse) sparse_.erase(chunk->first);
  if (keeps_rows_ && !std::exchange(active.is_dirty, true)) dirty_chunks_.insert(chunk->first);
}

bool Group::is_sparse(const ActiveChunk& chunk) const {
  if (scanned_to_ < chunk.ref.end()) return false;
  const std::uint32_t live = chunk.runs.live();
  return live > 0 && live * 4 <= chunk.ref.count;
}

void Group::finish_if_done(Chunks::iterator chunk) {
  if (!chunk->second.runs.empty()) return;
  // A chunk that the scan has not left yet keeps its index row: the rest of it is fresh.
  if (scanned_to_ >= chunk->second.ref.end()) finished_.push_back(chunk->second.ref);
  erase_chunk(chunk);
}

Group::Record& Group::record(std::uint64_t offset) {
  const auto [record, made] = failing_.try_emplace(offset);
  if (made) failing_bytes_ += counted_bytes(record);
  if (keeps_rows_ && !std::exchange(record.is_dirty, true)) dirty_records_.push_back(offset);
  return record;
}

void Group::add_failure(FailingMessage& record, FailureKind kind, std::string_view reason,
                        const Judge& judge) {
  failing_bytes_ -= counted_bytes(record);
  record.add(judge.now.hub, kind, judge.worker, reason);
  failing_bytes_ += counted_bytes(record);
}

void Group::forget_record(std::uint64_t offset) {
  const Record* record = failing_.find(offset);
  if (record == nullptr) return;
  failing_bytes_ -= counted_bytes(*record);
  if (record->has_row) gone_records_.push_back(offset);
  failing_.erase(offset);
}

// Takes a message with a record out of the index of the state it is leaving: that of its run, which
// is the one with index `at`, if it is in one.
void Group::forget_place(std::uint64_t offset, const ChunkRuns& runs, std::size_t at) {
  if (at == runs.all().size()) return;
  const Run& run = runs.all()[at];
  if (run.state == RunState::suspect) suspects_.erase(offset);
  if (run.state == RunState::dying) dying_.erase(offset);
}

std::uint32_t Group::attempt_of(std::uint64_t offset) const {
  const FailingMessage* record = record_of(offset);
  return record == nullptr ? 1 : record->failures + 1;
}

}  // namespace pawl
