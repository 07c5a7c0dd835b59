// SPDX-License-Identifier: Apache-2.0
// PackCursor: reads MessagePack from a span that came from outside. Allocates nothing, trusts no
// length: an array or a map that claims more elements than there are bytes left is no array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/buffer.hpp"
#include "core/chunk/big_endian.hpp"

namespace pawl {

class PackCursor {
 public:
  explicit PackCursor(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const std::byte* position() const { return at_; }

  // Each reads one value of its type, in any width that MessagePack has for it, and steps past it.
  // False: there is something else, or it ends early; the cursor stays where it was.
  bool read_uint(std::uint64_t& value) {  // signed formats too, unless negative
    if (at_end() || (*at_ & std::byte{0x80}) != std::byte{0}) return read_wide_uint(value);
    value = std::to_integer<std::uint8_t>(*at_++);
    return true;
  }
  bool read_bool(bool& value);
  bool read_nil();
  bool read_text(std::string_view& value);  // bytes of a str; UTF-8 is the caller's to check
  bool read_binary(Bytes& value);
  bool read_array(std::uint32_t& count);
  bool read_map(std::uint32_t& pairs);

  // Steps over one whole value with at most `depth_max` (≤ 8) containers in one another.
  bool skip(std::size_t depth_max);

 private:
  bool read_wide_uint(std::uint64_t& value);
  // The length of `header` bytes after the first byte, and that header + length are present.
  bool take(std::size_t length_bytes, std::size_t& length, const std::byte*& data) const;
  bool read_count(std::uint8_t fix, std::uint8_t fix_mask, std::uint8_t wide16,
                  std::size_t elements_each, std::uint32_t& count);
  // Steps over one value's own bytes; a container leaves its elements, their number in `elements`.
  bool step(std::uint64_t& elements, bool& container);

  const std::byte* at_;
  const std::byte* end_;
};

// `size` bytes (1, 2, 4 or 8), most significant first.
inline std::uint64_t load_big_endian(const std::byte* from, std::size_t size) {
  std::uint64_t value = 0;
  switch (size) {  // each copy of a size that is known
    case 1: return std::to_integer<std::uint8_t>(*from);
    case 2: std::memcpy(&value, from, 2); break;
    case 4: std::memcpy(&value, from, 4); break;
    default: std::memcpy(&value, from, 8); break;
  }
  return big_endian(value) >> (64 - 8 * size);
}

}  // namespace pawl
