// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace pawl {

namespace {

// How many bytes at the front are ASCII, in steps of eight: most texts are it whole.
std::size_t ascii_prefix(std::string_view text) {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::size_t at = 0;
  for (std::uint64_t eight = 0; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((eight & high_bits) != 0) return at;
  }
  while (at < text.size() && static_cast<std::uint8_t>(text[at]) < 0x80) ++at;
  return at;
}

// The size of the well-formed character at the front of `text`; 0 if there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  // The second byte alone decides overlong forms, surrogates and the end of Unicode.
  const std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

bool is_utf8(std::string_view text) {
  text.remove_prefix(ascii_prefix(text));
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string clean_text(std::string_view text, std::size_t bytes_max) {
  std::string clean(text.substr(0, std::min(ascii_prefix(text), bytes_max)));
  text.remove_prefix(clean.size());
  clean.reserve(std::min(clean.size() + text.size(), bytes_max));
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const std::size_t step = std::max<std::size_t>(size, 1);
    if (clean.size() + step > bytes_max) break;
    if (size == 0) {
      clean += '?';
    } else {
      clean.append(text.substr(0, size));
    }
    text.remove_prefix(step);
  }
  return clean;
}

}  // namespace pawl
