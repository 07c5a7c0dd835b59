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
#include <cstring>
#include <utility>

#include "core/buffer.hpp"
#include "core/chunk/prefetch.hpp"
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
// entries and no byte after them. Allocates nothing unless it refuses. ok or the Fault to answer
// with. A few ns a message: nil-meta entries with bin8/bin16 bodies take the short path.
Fault check_chunk(Bytes chunk, std::size_t count, std::size_t body_bytes_max);

// Its three parts, for who takes a chunk apart while it is walked: that a chunk may be of this
// size; the first `count` entries of `rest`, which is stepped over them; that nothing is behind the
// last.
Fault check_chunk_size(std::size_t bytes, std::size_t count);
Fault check_entries(Bytes& rest, std::size_t count, std::size_t body_bytes_max);
Fault check_chunk_end(Bytes rest, std::size_t count);

// Reads a chunk that check_chunk has passed (or that we built ourselves); anything else is a bug
// and ends the process rather than reading past the end.
class ChunkReader {
 public:
  explicit ChunkReader(Bytes chunk) : rest_(chunk) {}
  // The next entry, or false at the end.
  bool next(Entry& entry);
  // Steps over `count` entries (or to the end); returns how many bytes were stepped over.
  std::size_t skip(std::size_t count);

 private:
  // For `92 C0 C4 len` and `92 C0 C5 len len`: the bytes before the body, its size in `body_size`.
  // 0 for every other layout and where the body does not end within the chunk.
  std::size_t plain_head(std::size_t& body_size) const;
  // By value, as the caller's: an entry whose address is known to others stays in memory, where the
  // hot path would write halves and read them back as a whole, which stalls.
  static Entry read_other(Bytes rest);

  Bytes rest_;
};

// The slice of `chunk` (checked) that holds entries [first, first + count).
Slice cut(const Slice& chunk, std::size_t first, std::size_t count);

// Bytes of an entry with this meta (encoded map, or empty for nil) and body.
constexpr std::size_t entry_size(std::size_t meta_bytes, std::size_t body_bytes) {
  const std::size_t length_bytes = body_bytes <= 0xff ? 1 : body_bytes <= 0xffff ? 2 : 4;
  return 1 + (meta_bytes == 0 ? 1 : meta_bytes) + 1 + length_bytes + body_bytes;
}

// Gathers entries into one growing block. Not thread-safe.
class ChunkBuilder {
 public:
  ChunkBuilder() = default;
  ChunkBuilder(ChunkBuilder&& other) noexcept { *this = std::move(other); }
  ChunkBuilder& operator=(ChunkBuilder&& other) noexcept {
    block_ = std::move(other.block_);
    at_ = std::exchange(other.at_, nullptr);
    end_ = std::exchange(other.end_, nullptr);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }

  // `meta` is an encoded map, or empty for nil.
  void append(Bytes meta, Bytes body);
  // A run of `count` already checked entries, copied whole.
  void append_entries(Bytes entries, std::size_t count);

  std::size_t bytes() const { return static_cast<std::size_t>(at_ - block_.data()); }
  std::size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // The finished chunk; the builder is empty afterwards. The block itself is handed over, unless
  // less than half of it is used: then the bytes are copied, so that a chunk never pins twice its
  // size.
  Slice take();

 private:
  void make_room(std::size_t size) {
    if (size > static_cast<std::size_t>(end_ - at_)) grow(bytes() + size);
  }
  void grow(std::size_t size_min);

  Buffer block_;
  std::byte* at_ = nullptr;   // where the next entry goes, within block_
  std::byte* end_ = nullptr;  // of block_
  std::size_t count_ = 0;
};

// The hot paths, a few ns a message ---------------------------------------------------------------

inline std::size_t ChunkReader::plain_head(std::size_t& body_size) const {
  if (rest_.size() < 5) return 0;  // 92 C0 C4 00 alone takes the long path
  const auto* at = reinterpret_cast<const std::uint8_t*>(rest_.data());
  if (at[0] != 0x92 || at[1] != 0xc0) return 0;
  if (at[2] == 0xc4) {
    body_size = at[3];
    return rest_.size() - 4 >= body_size ? 4 : 0;
  }
  if (at[2] != 0xc5) return 0;
  body_size = static_cast<std::size_t>(at[3]) << 8 | at[4];
  return rest_.size() - 5 >= body_size ? 5 : 0;
}

inline bool ChunkReader::next(Entry& entry) {
  if (rest_.empty()) return false;
  std::size_t body_size = 0;
  const std::size_t head = plain_head(body_size);
  if (head == 0) {
    entry = read_other(rest_);
  } else {
    entry.meta = {};
    entry.body = {rest_.data() + head, body_size};
    entry.encoded_size = head + body_size;
  }
  rest_ = {rest_.data() + entry.encoded_size, rest_.size() - entry.encoded_size};
  prefetch_ahead<Prefetch::to_read>(rest_.data());
  return true;
}

inline void ChunkBuilder::append(Bytes meta, Bytes body) {
  const std::size_t size = entry_size(meta.size(), body.size());
  make_room(size);
  auto* at = reinterpret_cast<std::uint8_t*>(at_);
  *at++ = 0x92;
  if (meta.empty()) {
    *at++ = 0xc0;
  } else {
    std::memcpy(at, meta.data(), meta.size());
    at += meta.size();
  }
  const std::size_t length = body.size();
  if (length <= 0xff) {
    *at++ = 0xc4;
  } else if (length <= 0xffff) {
    *at++ = 0xc5;
    *at++ = static_cast<std::uint8_t>(length >> 8);
  } else {
    *at++ = 0xc6;
    *at++ = static_cast<std::uint8_t>(length >> 24);
    *at++ = static_cast<std::uint8_t>(length >> 16);
    *at++ = static_cast<std::uint8_t>(length >> 8);
  }
  *at++ = static_cast<std::uint8_t>(length);
  if (length != 0) std::memcpy(at, body.data(), length);
  at_ += size;
  ++count_;
}

}  // namespace pawl
