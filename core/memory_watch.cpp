// SPDX-License-Identifier: Apache-2.0
#include "core/memory_watch.hpp"

#include <unistd.h>

#include <fstream>

namespace pawl {
namespace {

// Strangers' endless messages grow a hub by up to 600 MB a second; a look costs 20 µs, and half a
// second between them 3 ms of CPU a minute.
constexpr auto look_every = std::chrono::milliseconds(500);
constexpr auto look_again = std::chrono::milliseconds(50);  // when it has grown much since
constexpr std::uint64_t grown_much = 8 * 1024 * 1024;

}  // namespace

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size_pages = 0, resident_pages = 0;
  statm >> size_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

bool MemoryWatch::is_over(Instant now, std::uint64_t accounted) {
  if (bytes_max_ == 0 || now < next_look_) return false;
  const std::uint64_t seen = resident_bytes();
  next_look_ = now + (seen > last_seen_ + grown_much ? look_again : look_every);
  last_seen_ = seen;
  return seen > bytes_max_ + accounted;
}

}  // namespace pawl
