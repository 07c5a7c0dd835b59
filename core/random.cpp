// SPDX-License-Identifier: Apache-2.0
#include "core/random.hpp"

#include <sys/random.h>

#include <cstring>

#include "core/check.hpp"

namespace pawl {

Bytes16 SystemEntropy::bytes16() {
  Bytes16 bytes;
  // Up to 256 bytes are never interrupted or cut short (getrandom(2)).
  PAWL_CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

Bytes16 SeededEntropy::bytes16() {
  Bytes16 bytes;
  const std::uint64_t words[2] = {random_.next(), random_.next()};
  std::memcpy(bytes.data(), words, sizeof words);
  return bytes;
}

}  // namespace pawl
