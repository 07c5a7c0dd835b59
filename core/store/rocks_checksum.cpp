// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_checksum.hpp"

#include <dlfcn.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

// RocksDB calls this through its procedure linkage table, so the program's definition goes first.
namespace rocksdb::crc32c {

[[gnu::visibility("default")]] std::uint32_t Extend(std::uint32_t crc, const char* data,
                                                    std::size_t size) {
  constexpr std::size_t step_max = std::size_t{1} << 30;  // libisal counts in an int
  auto* at = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(data));
  std::uint32_t rest = ~crc;
  while (size > 0) {
    const std::size_t step = std::min(size, step_max);
    rest = crc32_iscsi(at, static_cast<int>(step), rest);
    at += step;
    size -= step;
  }
  return ~rest;
}

}  // namespace rocksdb::crc32c

namespace pawl {

bool checksums_are_fast() {
  const void* called = dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  return called == reinterpret_cast<const void*>(&rocksdb::crc32c::Extend);
}

}  // namespace pawl
