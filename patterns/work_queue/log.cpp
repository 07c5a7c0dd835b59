// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/log.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "core/limits.hpp"

namespace pawl {
namespace {

// A frame from here on is a chunk of its own: the copy would cost more than the rows it saves.
constexpr std::size_t adopt_bytes_min = 32 * 1024;
// Index rows ahead of the scan: at 128 KB a chunk this is 128 MB of backlog for 50 KB of memory.
constexpr std::size_t window_max = 1024;
constexpr std::size_t index_page_bytes = 16 * 1024;
// Bodies kept at hand ahead of one log's scan. What is further ahead would only push out of the
// cache what is needed sooner.
constexpr std::size_t ahead_bytes_max = 8 * 1024 * 1024;

}  // namespace

std::uint64_t MessageLog::append(const Slice& entries, std::size_t count) {
  const std::uint64_t first = tail_;
  const bool fits = forming_.bytes() + entries.size <= limits::chunk_bytes_aim &&
                    forming_.count() + count <= limits::chunk_messages_max;
  if (!forming_.empty() && (!fits || entries.size >= adopt_bytes_min)) {
    const std::size_t formed = forming_.count();
    stage(forming_.take(), formed);
  }
  if (entries.size >= adopt_bytes_min) {
    stage(entries, count);
  } else {
    forming_.append_entries(entries.bytes(), count);
  }
  staged_bytes_ += entries.size;
  tail_ += count;
  return first;
}

void MessageLog::stage(Slice body, std::size_t count) {
  staged_.push_back({std::move(body), static_cast<std::uint32_t>(count)});
}

void MessageLog::seal(HubTime now, std::uint64_t& next_chunk_id, ChunkCache& cache,
                      Commit& commit) {
  if (!forming_.empty()) {
    const std::size_t formed = forming_.count();
    stage(forming_.take(), formed);
  }
  for (Staged& staged : staged_) {
    const ChunkRef ref{sealed_tail_, staged.count, next_chunk_id++, staged.body.size, now};
    commit.puts.push_back(
        {Space::state, records::index_key(id_, ref.offset), records::encode(ref)});
    if (window_end_ == ref.offset && window_.size() < window_max) {
      enter_window(ref);
      if (window_bytes_ <= ahead_bytes_max) cache.put(ref.chunk_id, staged.body);
    }
    commit.puts.push_back(
        {Space::chunks, records::chunk_key(ref.chunk_id), std::move(staged.body)});
    sealed_tail_ = ref.end();
    bytes_ += ref.bytes;
    commit.durable = true;
  }
  staged_.clear();
  staged_bytes_ = 0;
  PAWL_CHECK(sealed_tail_ == tail_);
}

const ChunkRef* MessageLog::at_scan(std::uint64_t scanned_to) {
  while (!window_.empty() && window_.front().end() <= scanned_to) {
    window_bytes_ -= window_.front().bytes;
    if (ahead_count_ > 0) {
      --ahead_count_;
      ahead_bytes_ -= window_.front().bytes;
    }
    window_.pop_front();
  }
  if (window_.empty()) return nullptr;
  PAWL_CHECK(window_.front().contains(scanned_to));
  return &window_.front();
}

bool MessageLog::is_ahead(std::uint64_t chunk_id) const {
  const auto at = std::lower_bound(
      window_.begin(), window_.end(), chunk_id,
      [](const ChunkRef& ref, std::uint64_t wanted) { return ref.chunk_id < wanted; });
  return at != window_.end() && at->chunk_id == chunk_id;
}

std::optional<ReadRequest> MessageLog::wants_index(std::uint64_t tag) {
  if (index_read_under_way_ || window_.size() > window_max / 2) return std::nullopt;
  if (window_end_ >= committed_tail_) return std::nullopt;
  index_read_under_way_ = true;
  records::KeyRange range = records::index_from(id_, window_end_);
  return ReadRequest{Space::state, std::move(range.from), std::move(range.to), index_page_bytes,
                     tag};
}

bool MessageLog::on_index(const Page& page) {
  index_read_under_way_ = false;
  if (page.rows.empty()) return false;  // it was asked for below the committed tail
  for (const Row& row : page.rows) {
    const auto ref = records::decode_index(records::number_at_end(row.key), row.value.bytes());
    if (!ref || ref->end() > sealed_tail_) return false;
    if (ref->offset != window_end_) return false;
    if (window_.size() >= window_max) return true;
    enter_window(*ref);
  }
  return true;
}

void MessageLog::enter_window(const ChunkRef& ref) {
  window_.push_back(ref);
  window_end_ = ref.end();
  window_bytes_ += ref.bytes;
}

void MessageLog::restore(const records::CountersRow& row) {
  tail_ = sealed_tail_ = committed_tail_ = row.tail;
  bytes_ = row.bytes;
  window_end_ = row.scan_chunk;
}

}  // namespace pawl
