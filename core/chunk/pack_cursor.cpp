// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/pack_cursor.hpp"

#include <array>

#include "core/check.hpp"

namespace pawl {

namespace {

constexpr std::size_t depth_limit = 8;

std::uint8_t tag_at(const std::byte* at) {
  return std::to_integer<std::uint8_t>(*at);
}

}  // namespace

bool PackCursor::read_wide_uint(std::uint64_t& value) {
  if (at_end()) return false;
  const std::uint8_t tag = tag_at(at_);
  const bool is_unsigned = tag >= 0xcc && tag <= 0xcf;
  const bool is_signed = tag >= 0xd0 && tag <= 0xd3;
  if (!is_unsigned && !is_signed) return false;
  const std::size_t size = std::size_t{1} << (tag & 3);
  if (left() < 1 + size) return false;
  if (is_signed && (tag_at(at_ + 1) & 0x80) != 0) return false;
  value = load_big_endian(at_ + 1, size);
  at_ += 1 + size;
  return true;
}

bool PackCursor::read_bool(bool& value) {
  if (at_end()) return false;
  const std::uint8_t tag = tag_at(at_);
  if (tag != 0xc2 && tag != 0xc3) return false;
  value = tag == 0xc3;
  ++at_;
  return true;
}

bool PackCursor::read_nil() {
  if (at_end() || tag_at(at_) != 0xc0) return false;
  ++at_;
  return true;
}

bool PackCursor::take(std::size_t length_bytes, std::size_t& length, const std::byte*& data) const {
  if (left() < 1 + length_bytes) return false;
  length = load_big_endian(at_ + 1, length_bytes);
  data = at_ + 1 + length_bytes;
  return static_cast<std::size_t>(end_ - data) >= length;
}

bool PackCursor::read_text(std::string_view& value) {
  if (at_end()) return false;
  const std::uint8_t tag = tag_at(at_);
  std::size_t length = 0;
  const std::byte* data = nullptr;
  if ((tag & 0xe0) == 0xa0) {
    length = tag & 0x1f;
    data = at_ + 1;
    if (left() < 1 + length) return false;
  } else if (tag < 0xd9 || tag > 0xdb || !take(std::size_t{1} << (tag - 0xd9), length, data)) {
    return false;
  }
  value = {reinterpret_cast<const char*>(data), length};
  at_ = data + length;
  return true;
}

bool PackCursor::read_binary(Bytes& value) {
  if (at_end()) return false;
  const std::uint8_t tag = tag_at(at_);
  std::size_t length = 0;
  const std::byte* data = nullptr;
  if (tag < 0xc4 || tag > 0xc6 || !take(std::size_t{1} << (tag - 0xc4), length, data)) return false;
  value = {data, length};
  at_ = data + length;
  return true;
}

bool PackCursor::read_count(std::uint8_t fix, std::uint8_t fix_mask, std::uint8_t wide16,
                            std::size_t elements_each, std::uint32_t& count) {
  if (at_end()) return false;
  const std::uint8_t tag = tag_at(at_);
  std::size_t header = 1;
  std::uint64_t claimed = 0;
  if ((tag & fix_mask) == fix) {
    claimed = tag & static_cast<std::uint8_t>(~fix_mask);
  } else if (tag == wide16 || tag == wide16 + 1) {
    const std::size_t size = tag == wide16 ? 2 : 4;
    if (left() < 1 + size) return false;
    claimed = load_big_endian(at_ + 1, size);
    header += size;
  } else {
    return false;
  }
  if (claimed * elements_each > left() - header) return false;
  count = static_cast<std::uint32_t>(claimed);
  at_ += header;
  return true;
}

bool PackCursor::read_array(std::uint32_t& count) {
  return read_count(0x90, 0xf0, 0xdc, 1, count);
}

bool PackCursor::read_map(std::uint32_t& pairs) {
  return read_count(0x80, 0xf0, 0xde, 2, pairs);
}

bool PackCursor::step(std::uint64_t& elements, bool& container) {
  const std::uint8_t tag = tag_at(at_);
  std::uint32_t count = 0;
  container = false;
  elements = 0;
  if (read_array(count)) {
    container = true;
    elements = count;
    return true;
  }
  if (read_map(count)) {
    container = true;
    elements = std::uint64_t{count} * 2;
    return true;
  }
  std::uint64_t number = 0;
  std::string_view text;
  Bytes binary;
  if (read_uint(number) || read_text(text) || read_binary(binary)) return true;
  std::size_t size = 0;
  if (tag == 0xc0 || tag == 0xc2 || tag == 0xc3 || tag >= 0xe0) {
    size = 1;  // nil, false, true, negative fixint
  } else if (tag == 0xca || tag == 0xcb) {
    size = tag == 0xca ? 5 : 9;  // float32, float64
  } else if (tag >= 0xd0 && tag <= 0xd3) {
    size = 1 + (std::size_t{1} << (tag - 0xd0));  // negative integers
  } else if (tag >= 0xd4 && tag <= 0xd8) {
    size = 2 + (std::size_t{1} << (tag - 0xd4));  // fixext
  } else if (tag >= 0xc7 && tag <= 0xc9) {        // ext: the type's byte is not in the length
    const std::byte* data = nullptr;
    const std::size_t length_bytes = std::size_t{1} << (tag - 0xc7);
    if (!take(length_bytes, size, data)) return false;
    size += 2 + length_bytes;
  }
  if (size == 0 || left() < size) return false;
  at_ += size;
  return true;
}

bool PackCursor::skip(std::size_t depth_max) {
  PAWL_CHECK(depth_max <= depth_limit);
  const std::byte* const start = at_;
  std::array<std::uint64_t, depth_limit + 1> waiting{};  // elements to come, by depth
  std::size_t depth = 0;
  waiting[0] = 1;
  while (true) {
    while (depth > 0 && waiting[depth] == 0) --depth;
    if (waiting[depth] == 0) return true;
    --waiting[depth];
    std::uint64_t elements = 0;
    bool container = false;
    const bool stepped = !at_end() && step(elements, container);
    if (!stepped || (container && depth == depth_max)) {
      at_ = start;
      return false;
    }
    if (container) waiting[++depth] = elements;
  }
}

}  // namespace pawl
