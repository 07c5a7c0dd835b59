// SPDX-License-Identifier: Apache-2.0
// The group as rows, and back. Loading what was written gives the group that wrote it.
#include <vector>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "patterns/work_queue/group.hpp"

namespace pawl {

void Group::leave_rows_out() {
  PAWL_CHECK(active_.empty() && failing_.empty());
  keeps_rows_ = false;
}

void Group::write_rows(Commit& commit) {
  for (const std::uint64_t offset : dirty_chunks_) {
    const auto chunk = active_.find(offset);
    const std::string key = records::active_key(log_, offset);
    if (chunk == active_.end()) {
      if (chunk_rows_.erase(offset) != 0) commit.deletes.push_back({Space::state, key});
      continue;
    }
    chunk->second.is_dirty = false;
    records::ActiveRow row{chunk->second.ref, {}, chunk->second.runs.all()};
    std::set<LeaseId> named;
    for (const Run& run : row.runs) {
      if (run.state == RunState::leased) named.insert(run.lease);
    }
    for (const LeaseId id : named) {
      const Holder& holder = leases_.at(id).holder;
      row.leases.push_back({holder.lease, holder.session, holder.number});
    }
    chunk_rows_.insert(offset);
    commit.puts.push_back({Space::state, key, records::encode(row)});
  }
  dirty_chunks_.clear();
  for (const std::uint64_t offset : dirty_records_) {
    Record* record = failing_.find(offset);
    if (record == nullptr) continue;  // gone since, with or without a row
    record->is_dirty = false;
    record->has_row = true;
    commit.puts.push_back(
        {Space::state, records::failure_key(log_, offset), records::encode(*record)});
    // The row has it, and nothing changes a message that rests.
    if (record->due == rests_forever) record->history = {};
  }
  dirty_records_.clear();
  for (const std::uint64_t offset : gone_records_) {
    commit.deletes.push_back({Space::state, records::failure_key(log_, offset)});
  }
  gone_records_.clear();
}

std::uint64_t Group::evacuate(std::uint64_t chunk_offset, const Slice& body,
                              std::uint64_t& next_chunk_id, Commit& commit) {
  const auto found = active_.find(chunk_offset);
  PAWL_CHECK(found != active_.end() && is_sparse(found->second));
  const ActiveChunk old = std::move(found->second);
  erase_chunk(found);
  ready_chunks_.erase(chunk_offset);
  sparse_.erase(chunk_offset);
  if (keeps_rows_) dirty_chunks_.insert(chunk_offset);
  for (std::size_t state = 1; state < totals_.size(); ++state) totals_[state] -= old.indexed[state];
  finished_.push_back(old.ref);
  std::uint64_t bytes = 0;
  ChunkReader reader(body.bytes());
  std::size_t at = 0;
  std::uint32_t position = 0;
  for (const Run& run : old.runs.all()) {
    at += reader.skip(run.first - std::exchange(position, run.end()));
    const std::size_t size = reader.skip(run.count);
    // A copy, not a slice: a slice would keep the whole old chunk in memory.
    Slice entries = Buffer::copy_of(body.bytes().subspan(std::exchange(at, at + size), size));
    const ChunkRef ref{old.ref.offset + run.first, run.count, next_chunk_id++, entries.size,
                       old.ref.stored_at};
    const auto chunk = active_.try_emplace(ref.offset, ActiveChunk{.ref = ref}).first;
    chunk->second.runs.assign({0, run.count, run.state, run.single, run.lease});
    reindex(chunk);
    bytes += ref.bytes;
    commit.puts.push_back({Space::chunks, records::chunk_key(ref.chunk_id), std::move(entries)});
  }
  return bytes;
}

std::vector<SessionId> Group::holders_alone() const {
  std::vector<SessionId> sessions;
  failing_.for_each_in_order([&](std::uint64_t offset, const Record& record) {
    if (!record.must_be_alone()) return;
    const auto chunk = std::prev(active_.upper_bound(offset));
    const Run* run =
        chunk->second.runs.find(static_cast<std::uint32_t>(offset - chunk->second.ref.offset));
    if (run == nullptr || run->state != RunState::leased) return;
    sessions.push_back(leases_.at(run->lease).holder.session);
  });
  return sessions;
}

void Group::restore(const records::CountersRow& row) {
  scanned_to_ = row.scanned_to;
  scan_chunk_ = row.scan_chunk;
  acked_ = row.acked;
  retried_ = row.retried;
}

void Group::restore(std::uint64_t offset, FailingMessage record) {
  failing_bytes_ += counted_bytes(record);
  if (record.due == rests_forever) record.history = {};
  failing_.try_emplace(offset).first = {std::move(record), true, false};
}

void Group::restore(const records::ActiveRow& row) {
  const auto [chunk, made] = active_.try_emplace(row.ref.offset, ActiveChunk{.ref = row.ref});
  PAWL_CHECK(made);
  for (const Run& run : row.runs) {
    const std::uint64_t offset = row.ref.offset + run.first;
    chunk->second.runs.assign(run);
    if (run.state == RunState::suspect) suspects_.insert(offset);
    if (run.state == RunState::dying) dying_.insert(offset);
    if (run.state == RunState::delayed) await_due(offset, failing_.at(offset));
    if (run.state != RunState::leased) continue;
    for (const records::ActiveRow::Lease& lease : row.leases) {
      if (lease.lease != run.lease) continue;
      hold({lease.lease, lease.session, lease.number}, {offset, run.count});
    }
  }
  chunk_rows_.insert(row.ref.offset);
  reindex(chunk);
  chunk->second.is_dirty = false;
  dirty_chunks_.erase(row.ref.offset);
}

}  // namespace pawl
