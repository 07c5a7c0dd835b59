// SPDX-License-Identifier: Apache-2.0
#include "core/memory_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace pawl {
namespace {

// Strangers' endless messages grow a hub by 600 MB a second and more. A look costs 2 µs, so one
// that is awake looks every 50 ms. With the wake-up of an idle process it costs 100 µs in a virtual
// machine: half a second between them, 12 ms of CPU a minute.
constexpr auto look_every = std::chrono::milliseconds(50);
constexpr auto wake_every = std::chrono::milliseconds(500);
constexpr std::uint64_t grown_much = 8 * 1024 * 1024;

}  // namespace

MemoryWatch::~MemoryWatch() {
  if (fd_ >= 0) ::close(fd_);
}

// "size resident ...", in pages.
std::uint64_t MemoryWatch::resident_bytes() {
  if (fd_ < 0) fd_ = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  std::array<char, 64> text{};
  const ssize_t size = ::pread(fd_, text.data(), text.size(), 0);
  if (size <= 0) return 0;
  const char* const end = text.data() + size;
  const char* const at = std::find<const char*>(text.data(), end, ' ');
  std::uint64_t pages = 0;
  if (at != end) std::from_chars(at + 1, end, pages);
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

bool MemoryWatch::is_over(Instant now, std::uint64_t accounted) {
  if (bytes_max_ == 0 || now < next_look_) return false;
  const std::uint64_t seen = resident_bytes();
  next_look_ = now + look_every;
  wake_by_ = seen > last_seen_ + grown_much ? next_look_ : now + wake_every;
  last_seen_ = seen;
  return seen > bytes_max_ + accounted;
}

}  // namespace pawl
