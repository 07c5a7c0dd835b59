// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/chunk.hpp"

#include <algorithm>
#include <string>

#include "core/check.hpp"
#include "core/chunk/pack_cursor.hpp"
#include "core/limits.hpp"

namespace pawl {

namespace {

// map → list of failures → one failure, and one level to spare for fields of later versions.
constexpr std::size_t meta_depth_max = 4;
// An empty body without meta: 92 C0 C4 00.
constexpr std::size_t entry_bytes_min = 4;
// A builder starts small, since a hub has one for each busy queue; its next block is a whole
// chunk's.
constexpr std::size_t first_block_bytes = 8 * 1024;

Fault refuse(Code code, std::size_t entry, const std::string& what) {
  return {code, "chunk, entry " + std::to_string(entry) + ": " + what};
}

// One entry in any allowed layout, metas not looked into. Empty text: `entry` is filled.
const char* read_entry(Bytes from, Entry& entry) {
  PackCursor cursor(from);
  std::uint32_t elements = 0;
  if (!cursor.read_array(elements) || elements != 2 || from[0] != std::byte{0x92}) {
    return "an entry must begin with 0x92, an array of meta and body";
  }
  entry.meta = {};
  if (!cursor.read_nil()) {
    const std::byte* const begin = cursor.position();
    PackCursor map = cursor;
    std::uint32_t pairs = 0;
    if (!map.read_map(pairs)) return "the meta must be nil or a map that ends within the chunk";
    if (!cursor.skip(meta_depth_max)) return "the meta is cut short, not MessagePack, or too deep";
    entry.meta = {begin, static_cast<std::size_t>(cursor.position() - begin)};
  }
  if (!cursor.read_binary(entry.body)) return "the body must be bin and end within the chunk";
  entry.encoded_size = static_cast<std::size_t>(cursor.position() - from.data());
  return nullptr;
}

// `meta` is a well-formed map: its keys must be unsigned integers.
bool keys_are_numbers(Bytes meta) {
  PackCursor cursor(meta);
  std::uint32_t pairs = 0;
  cursor.read_map(pairs);
  for (std::uint32_t i = 0; i < pairs; ++i) {
    std::uint64_t key = 0;
    if (!cursor.read_uint(key) || !cursor.skip(meta_depth_max)) return false;
  }
  return true;
}

Fault check_entry(Bytes from, std::size_t index, std::size_t body_bytes_max, std::size_t& size) {
  Entry entry;
  if (const char* problem = read_entry(from, entry)) {
    return refuse(Code::bad_frame, index, problem);
  }
  if (entry.meta.size() > limits::meta_bytes_max) {
    return refuse(Code::too_large, index,
                  "the meta has " + std::to_string(entry.meta.size()) + " bytes, at most " +
                      std::to_string(limits::meta_bytes_max) + " are allowed");
  }
  if (!entry.meta.empty() && !keys_are_numbers(entry.meta)) {
    return refuse(Code::bad_frame, index, "the keys of a meta must be unsigned integers");
  }
  if (entry.body.size() > body_bytes_max) {
    return refuse(Code::too_large, index,
                  "the body has " + std::to_string(entry.body.size()) + " bytes, at most " +
                      std::to_string(body_bytes_max) + " are allowed");
  }
  size = entry.encoded_size;
  return {};
}

}  // namespace

Fault check_chunk_size(std::size_t bytes, std::size_t count) {
  if (count == 0 || count > limits::chunk_messages_max) {
    return {Code::bad_frame, "chunk: " + std::to_string(count) + " messages, allowed are 1 to " +
                                 std::to_string(limits::chunk_messages_max)};
  }
  const std::size_t bytes_max = count == 1 ? limits::chunk_bytes_max : limits::chunk_bytes_aim;
  if (bytes > bytes_max) {
    return {Code::too_large, "chunk: " + std::to_string(bytes) + " bytes with " +
                                 std::to_string(count) + " messages, at most " +
                                 std::to_string(bytes_max) + " are allowed"};
  }
  return {};
}

Fault check_chunk(Bytes chunk, std::size_t count, std::size_t body_bytes_max) {
  if (Fault fault = check_chunk_size(chunk.size(), count); fault.code != Code::ok) return fault;
  if (Fault fault = check_entries(chunk, count, body_bytes_max); fault.code != Code::ok) {
    return fault;
  }
  return check_chunk_end(chunk, count);
}

Fault check_entries(Bytes& rest, std::size_t count, std::size_t body_bytes_max) {
  const std::byte* at = rest.data();
  const std::byte* const end = at + rest.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto left = static_cast<std::size_t>(end - at);
    if (left < entry_bytes_min) {
      return refuse(
          Code::bad_frame, i,
          "the chunk ends here, the header counts " + std::to_string(count) + " messages");
    }
    // The short path looks at the four bytes that nearly every entry begins with.
    const auto* head = reinterpret_cast<const std::uint8_t*>(at);
    std::size_t size = 0;
    std::size_t body = 0;
    if (head[0] == 0x92 && head[1] == 0xc0 && head[2] == 0xc4) {
      body = head[3];
      size = 4 + body;
    } else if (head[0] == 0x92 && head[1] == 0xc0 && head[2] == 0xc5 && left >= 5) {
      body = static_cast<std::size_t>(head[3]) << 8 | head[4];
      size = 5 + body;
    }
    if (size == 0 || size > left || body > body_bytes_max) [[unlikely]] {
      Fault fault = check_entry({at, left}, i, body_bytes_max, size);
      if (fault.code != Code::ok) return fault;
    }
    at += size;
    prefetch_ahead<Prefetch::to_read>(at);
  }
  rest = {at, static_cast<std::size_t>(end - at)};
  return {};
}

Fault check_chunk_end(Bytes rest, std::size_t count) {
  if (rest.empty()) return {};
  return {Code::bad_frame, "chunk: " + std::to_string(rest.size()) + " bytes after the last of " +
                               std::to_string(count) + " messages"};
}

Entry ChunkReader::read_other(Bytes rest) {
  Entry entry;
  const char* problem = read_entry(rest, entry);
  PAWL_CHECK(problem == nullptr);
  return entry;
}

std::size_t ChunkReader::skip(std::size_t count) {
  const std::size_t before = rest_.size();
  Entry entry;
  while (count > 0 && next(entry)) --count;
  return before - rest_.size();
}

Slice cut(const Slice& chunk, std::size_t first, std::size_t count) {
  ChunkReader reader(chunk.bytes());
  const std::size_t begin = reader.skip(first);
  const std::size_t size = reader.skip(count);
  return {chunk.buffer, chunk.offset + begin, size};
}

void ChunkBuilder::append_entries(Bytes entries, std::size_t count) {
  make_room(entries.size());
  if (!entries.empty()) std::memcpy(at_, entries.data(), entries.size());
  at_ += entries.size();
  count_ += count;
}

void ChunkBuilder::grow(std::size_t size_min) {
  const std::size_t used = bytes();
  std::size_t next = first_block_bytes;
  if (block_) next = std::max(limits::chunk_bytes_aim, block_.size() * 2);
  if (size_min > limits::chunk_bytes_aim && used == 0) next = 0;  // one large entry: its exact size
  Buffer larger = Buffer::allocate(std::max(next, size_min));
  if (used != 0) std::memcpy(larger.writable(), block_.data(), used);
  block_ = std::move(larger);
  at_ = block_.writable() + used;
  end_ = block_.writable() + block_.size();
}

Slice ChunkBuilder::take() {
  const std::size_t used = bytes();
  if (used == 0) return {};
  Slice chunk;
  count_ = 0;
  if (used * 2 >= block_.size()) {
    chunk = {std::move(block_), 0, used};
  } else {
    chunk = Buffer::copy_of(block_.bytes().first(used));
  }
  // A small block serves again. A large one goes, so that idle builders hold little.
  if (block_.size() > first_block_bytes) block_ = Buffer{};
  at_ = block_ ? block_.writable() : nullptr;
  end_ = at_ + block_.size();
  return chunk;
}

}  // namespace pawl
