// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/pack_writer.hpp"

#include "core/check.hpp"

namespace pawl {

namespace {

constexpr std::size_t number_bytes_max = 9;

// A tag and a value of `size` bytes, of which all eight are written: there is room behind it.
std::byte* put_tagged(std::byte* at, unsigned tag, std::uint64_t value, std::size_t size) {
  *at = static_cast<std::byte>(tag);
  const std::uint64_t ordered = big_endian(value << (64 - 8 * size));
  std::memcpy(at + 1, &ordered, sizeof ordered);
  return at + 1 + size;
}

// Returns the end of what it wrote; uses up to number_bytes_max bytes from `at`.
std::byte* put_uint(std::byte* at, std::uint64_t value) {
  if (value < 0x80) {
    *at = static_cast<std::byte>(value);
    return at + 1;
  }
  if (value <= 0xff) return put_tagged(at, 0xcc, value, 1);
  if (value <= 0xffff) return put_tagged(at, 0xcd, value, 2);
  if (value <= 0xffffffff) return put_tagged(at, 0xce, value, 4);
  return put_tagged(at, 0xcf, value, 8);
}

}  // namespace

void PackWriter::write_uint(std::uint64_t value) {
  if (value < 0x80) return byte(static_cast<unsigned>(value));
  std::byte all[number_bytes_max];
  bytes_.insert(bytes_.end(), all, put_uint(all, value));
}

void PackWriter::write_uints(std::initializer_list<std::uint64_t> values) {
  PAWL_CHECK(values.size() <= numbers_max);
  std::byte all[numbers_max * number_bytes_max];
  std::byte* at = all;
  for (const std::uint64_t value : values) at = put_uint(at, value);
  bytes_.insert(bytes_.end(), all, at);
}

void PackWriter::write_text(std::string_view value) {
  const std::size_t size = value.size();
  if (size < 32) {
    byte(0xa0 | static_cast<unsigned>(size));
  } else {
    const std::size_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
    byte(width == 1 ? 0xd9 : width == 2 ? 0xda : 0xdb);
    write_big_endian(size, width);
  }
  write_raw({reinterpret_cast<const std::byte*>(value.data()), size});
}

void PackWriter::write_binary(Bytes value) {
  const std::size_t size = value.size();
  const std::size_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
  byte(width == 1 ? 0xc4 : width == 2 ? 0xc5 : 0xc6);
  write_big_endian(size, width);
  write_raw(value);
}

void PackWriter::write_count(unsigned fix, unsigned wide16, std::size_t count) {
  if (count < 16) {
    byte(fix | static_cast<unsigned>(count));
  } else if (count <= 0xffff) {
    byte(wide16);
    write_big_endian(count, 2);
  } else {
    byte(wide16 + 1);
    write_big_endian(count, 4);
  }
}

}  // namespace pawl
