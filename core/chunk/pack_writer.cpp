// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/pack_writer.hpp"

namespace pawl {

void PackWriter::write_uint(std::uint64_t value) {
  if (value < 0x80) {
    byte(static_cast<unsigned>(value));
  } else if (value <= 0xff) {
    write_tagged(0xcc, value, 1);
  } else if (value <= 0xffff) {
    write_tagged(0xcd, value, 2);
  } else if (value <= 0xffffffff) {
    write_tagged(0xce, value, 4);
  } else {
    write_tagged(0xcf, value, 8);
  }
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
