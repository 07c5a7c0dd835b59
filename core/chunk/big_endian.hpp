// SPDX-License-Identifier: Apache-2.0
// Numbers as MessagePack has them: most significant byte first.
#pragma once

#include <bit>
#include <cstdint>

namespace pawl {

// The value whose bytes in memory are those of `value`, most significant first; and back.
constexpr std::uint64_t big_endian(std::uint64_t value) {
  return std::endian::native == std::endian::big ? value : __builtin_bswap64(value);
}

}  // namespace pawl
