// SPDX-License-Identifier: Apache-2.0
// A chunk: a run of messages in one byte layout, the same on the wire, in memory and in the store.
//
//   chunk = *entry                     concatenated; the count stands beside it, in a header frame
//   entry = 0x92 meta body             MessagePack array of two                (docs/protocol.md)
//   meta  = nil | map{uint: any}       core/chunk/meta.hpp
//   body  = bin8 | bin16 | bin32
//
// So any entry-aligned slice of a chunk is itself a chunk and is cut without re-encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/buffer.hpp"
#include "core/result.hpp"

namespace pawl {

// One message of a chunk, as views into it.
struct Entry {
  Bytes meta;  // the encoded map; empty for nil
  Bytes body;
  std::size_t encoded_size = 0;
};

// Walks a chunk that came from outside: every entry and every meta well formed (types, nesting,
// lengths, count), every bound of limits.hpp kept, body at most `body_bytes_max`, exactly `count`
// entries and no byte after them. Allocates nothing. ok or the Fault to answer with. A few ns a
// message: nil-meta entries with bin8/bin16 bodies take the short path.
Fault check_chunk(Bytes chunk, std::size_t count, std::size_t body_bytes_max);

// Reads a chunk that check_chunk has passed (or that we built ourselves).
class ChunkReader {
 public:
  explicit ChunkReader(Bytes chunk) : rest_(chunk) {}
  // The next entry, or false at the end.
  bool next(Entry& entry);
  // Steps over `count` entries; returns how many bytes were stepped over.
  std::size_t skip(std::size_t count);

 private:
  Bytes rest_;
};

// The slice of `chunk` (checked) that holds entries [first, first + count).
Slice cut(const Slice& chunk, std::size_t first, std::size_t count);

// Bytes of an entry with this meta (encoded map, or empty for nil) and body.
std::size_t entry_size(std::size_t meta_bytes, std::size_t body_bytes);

// Gathers entries into one growing buffer. Not thread-safe.
class ChunkBuilder {
 public:
  // `meta` is an encoded map, or empty for nil.
  void append(Bytes meta, Bytes body);
  // A run of `count` already checked entries, copied whole.
  void append_entries(Bytes entries, std::size_t count);

  std::size_t bytes() const { return bytes_.size(); }
  std::size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // The finished chunk; the builder is empty afterwards.
  Slice take();

 private:
  std::vector<std::byte> bytes_;
  std::size_t count_ = 0;
};

}  // namespace pawl
