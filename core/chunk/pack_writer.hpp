// SPDX-License-Identifier: Apache-2.0
// PackWriter: appends MessagePack in its shortest form to a vector that it does not own.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/buffer.hpp"
#include "core/chunk/big_endian.hpp"

namespace pawl {

class PackWriter {
 public:
  explicit PackWriter(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  void write_uint(std::uint64_t value);
  // At most `numbers_max` of them, as write_uint writes each, with one look at the vector's end.
  static constexpr std::size_t numbers_max = 8;
  void write_uints(std::initializer_list<std::uint64_t> values);
  void write_bool(bool value) { byte(value ? 0xc3 : 0xc2); }
  void write_nil() { byte(0xc0); }
  void write_double(double value) {
    byte(0xcb);
    write_big_endian(std::bit_cast<std::uint64_t>(value), 8);
  }
  void write_text(std::string_view value);
  void write_binary(Bytes value);
  void write_array(std::size_t count) { write_count(0x90, 0xdc, count); }
  void write_map(std::size_t pairs) { write_count(0x80, 0xde, pairs); }
  void write_raw(Bytes encoded) { bytes_.insert(bytes_.end(), encoded.begin(), encoded.end()); }

 private:
  void byte(unsigned value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void write_big_endian(std::uint64_t value, std::size_t size) {
    const std::uint64_t all = big_endian(value << (64 - 8 * size));
    const auto* first = reinterpret_cast<const std::byte*>(&all);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  void write_count(unsigned fix, unsigned wide16, std::size_t count);

  std::vector<std::byte>& bytes_;
};

}  // namespace pawl
