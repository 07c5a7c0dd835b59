// SPDX-License-Identifier: Apache-2.0
#include "core/memory_watch.hpp"

#include <unistd.h>

#include <fstream>

namespace pawl {
namespace {

// A stranger's endless message grows a hub by about 250 MB a second; a look costs 20 µs.
constexpr auto look_every = std::chrono::milliseconds(100);

}  // namespace

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size_pages = 0, resident_pages = 0;
  statm >> size_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

bool MemoryWatch::is_over(Instant now, std::uint64_t accounted) {
  if (bytes_max_ == 0 || now < next_look_) return false;
  next_look_ = now + look_every;
  return resident_bytes() > bytes_max_ + accounted;
}

}  // namespace pawl
