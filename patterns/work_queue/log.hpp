// SPDX-License-Identifier: Apache-2.0
// MessageLog: an ordered sequence of messages kept as chunks. Appends gather in a forming chunk;
// `seal` makes rows of them for the commit under way. Of the index only a window ahead of the scan
// is in memory, so a backlog of any length costs nothing here (G6). A pure machine.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/chunk/chunk.hpp"
#include "core/store/store.hpp"
#include "core/time.hpp"
#include "patterns/work_queue/chunk_cache.hpp"
#include "patterns/work_queue/records.hpp"

namespace pawl {

class MessageLog {
 public:
  explicit MessageLog(records::LogId id) : id_(id) {}

  records::LogId id() const { return id_; }
  std::uint64_t tail() const { return tail_; }    // the next offset
  std::uint64_t bytes() const { return bytes_; }  // of chunks stored and not yet deleted
  std::size_t staged_bytes() const { return staged_bytes_; }

  // Appends `count` checked entries; returns the offset of the first. A frame large enough to be a
  // chunk of its own is kept as it is, a small one is copied into the forming chunk: kept alone, a
  // 100-byte frame would pin 8 KB of libzmq's receive buffer.
  std::uint64_t append(const Slice& entries, std::size_t count);

  // Ends the forming chunk and puts all that was appended since the last call into `commit`.
  // `next_chunk_id` is the hub's counter.
  void seal(HubTime now, std::uint64_t& next_chunk_id, ChunkCache& cache, Commit& commit);

  // The chunk at the scan: the first of the window that ends after `scanned_to`. Null when it is
  // not in memory: `wants_index` then tells what to read, unless there is nothing left.
  const ChunkRef* at_scan(std::uint64_t scanned_to);
  // When the message at the scan was stored, if its chunk is in memory.
  std::optional<HubTime> stored_at(std::uint64_t scanned_to) const {
    for (const ChunkRef& ref : window_) {
      if (ref.contains(scanned_to)) return ref.stored_at;
    }
    return std::nullopt;
  }
  // Reading ahead of the scan: the first committed chunk, within `bytes_max` from the scan on, that
  // `is_at_hand` does not know. Null if there is none; those before it are not looked at again.
  template <class IsAtHand>
  const ChunkRef* next_ahead(std::uint64_t bytes_max, IsAtHand is_at_hand) {
    for (; ahead_count_ < window_.size() && ahead_bytes_ < bytes_max; ++ahead_count_) {
      const ChunkRef& ref = window_[ahead_count_];
      if (ref.end() > committed_tail_) break;
      if (!is_at_hand(ref)) return &ref;
      ahead_bytes_ += ref.bytes;
    }
    return nullptr;
  }
  // The last next_ahead() came to the end of what is committed, not to that of its bytes.
  bool is_all_at_hand() const {
    return ahead_count_ == window_.size() || window_[ahead_count_].end() > committed_tail_;
  }
  // In the window, which is in the order of ids.
  bool is_ahead(std::uint64_t chunk_id) const;
  std::optional<ReadRequest> wants_index(std::uint64_t tag);
  // False if the rows are none of ours, or there is a gap before, between or after them.
  bool on_index(const Page& page);
  bool index_read_under_way() const { return index_read_under_way_; }

  // The commit that holds everything sealed so far is done: the store can be read up to here.
  void on_committed(std::uint64_t sealed_tail) { committed_tail_ = sealed_tail; }
  std::uint64_t sealed_tail() const { return sealed_tail_; }
  std::uint64_t committed_tail() const { return committed_tail_; }

  // Messages were given chunks of their own.
  void on_evacuated(std::uint64_t bytes) { bytes_ += bytes; }
  // A chunk was deleted.
  void on_trimmed(const ChunkRef& ref) { bytes_ -= ref.bytes; }

  void restore(const records::CountersRow& row);

 private:
  struct Staged {
    Slice body;
    std::uint32_t count = 0;
  };
  void stage(Slice body, std::size_t count);
  void enter_window(const ChunkRef& ref);

  records::LogId id_;
  std::uint64_t tail_ = 0;
  std::uint64_t sealed_tail_ = 0;
  std::uint64_t committed_tail_ = 0;
  std::uint64_t bytes_ = 0;

  ChunkBuilder forming_;
  std::vector<Staged> staged_;
  std::size_t staged_bytes_ = 0;

  std::deque<ChunkRef> window_;   // consecutive in offset, from the scan on
  std::uint64_t window_end_ = 0;  // the first offset not in it
  std::uint64_t window_bytes_ = 0;
  std::size_t ahead_count_ = 0;  // of the window's first: their bodies are at hand
  std::uint64_t ahead_bytes_ = 0;
  bool index_read_under_way_ = false;
};

}  // namespace pawl
