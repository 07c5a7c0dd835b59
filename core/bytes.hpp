// SPDX-License-Identifier: Apache-2.0
// How small rows are written down: LEB128 varints in values, big-endian integers in keys, so that
// the store's bytewise order is the order of numbers. docs/store.md names what stands where.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/buffer.hpp"
#include "core/chunk/big_endian.hpp"
#include "core/random.hpp"

namespace pawl {

class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::string&& goes_on) : out_(std::move(goes_on)) {}

  ByteWriter& varint(std::uint64_t value) {
    std::array<char, 10> bytes{};
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
    bytes[size++] = static_cast<char>(value);
    out_.append(bytes.data(), size);
    return *this;
  }
  ByteWriter& text(std::string_view value) {
    varint(value.size());
    out_.append(value);
    return *this;
  }
  ByteWriter& bytes16(const Bytes16& value) {
    out_.append(reinterpret_cast<const char*>(value.data()), value.size());
    return *this;
  }
  ByteWriter& raw(std::string_view value) {
    out_.append(value);
    return *this;
  }
  ByteWriter& u8(std::uint8_t value) {
    out_.push_back(static_cast<char>(value));
    return *this;
  }
  ByteWriter& u32_ordered(std::uint32_t value) { return ordered(value, 4); }
  ByteWriter& u64_ordered(std::uint64_t value) { return ordered(value, 8); }
  std::string take() { return std::move(out_); }

 private:
  ByteWriter& ordered(std::uint64_t value, std::size_t bytes) {
    const std::uint64_t all = big_endian(value << (64 - 8 * bytes));
    out_.append(reinterpret_cast<const char*>(&all), bytes);
    return *this;
  }
  std::string out_;
};

// Reads what ByteWriter wrote. Reading past the end sets failed() and gives zeros: the caller
// checks once, at the end of a row, and may find fault with a value itself.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes)
      : rest_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(u8());
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  // A value that the type cannot hold was not written from one: it fails as a missing byte does.
  template <class Integer>
  Integer varint_as() {
    const std::uint64_t value = varint();
    if (!std::in_range<Integer>(value)) failed_ = true;
    return static_cast<Integer>(value);
  }
  std::string_view text() { return take(varint()); }
  std::uint8_t u8() {
    const std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
  }
  std::uint64_t ordered(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const char c : take(bytes)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  Bytes16 bytes16() {
    Bytes16 value{};
    const std::string_view from = take(value.size());
    for (std::size_t i = 0; i < from.size(); ++i) value[i] = static_cast<std::byte>(from[i]);
    return value;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  void refuse_unless(bool good) { failed_ = failed_ || !good; }
  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace pawl
