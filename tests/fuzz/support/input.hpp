// SPDX-License-Identifier: Apache-2.0
// Input: the bytes of one fuzzing run, taken from the front. At the end everything is 0 and empty,
// so that a target reads straight through and a shorter input is a simpler story.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.hpp"

namespace pawl::fuzzing {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  // One of `count` choices, 0 at the end.
  std::size_t pick(std::size_t count) { return byte() % count; }
  bool flag() { return (byte() & 1) != 0; }
  // Mostly small; after a byte from 0xF8 on any that 1 to 8 bytes can hold.
  std::uint64_t number() {
    const std::uint8_t first = byte();
    if (first < 0xF8) return first;
    std::uint64_t value = 0;
    for (int i = first - 0xF8; i >= 0; --i) value = value << 8 | byte();
    return value;
  }
  // The same within [least, most]: what is outside is folded back.
  std::uint64_t number(std::uint64_t least, std::uint64_t most) {
    const std::uint64_t value = number();
    if (value >= least && value <= most) return value;
    const std::uint64_t width = most - least + 1;
    return width == 0 ? value : least + value % width;
  }
  std::string_view text(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return text(rest_.size()); }

 private:
  std::string_view rest_;
};

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

}  // namespace pawl::fuzzing
