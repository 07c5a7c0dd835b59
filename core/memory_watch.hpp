// SPDX-License-Identifier: Apache-2.0
// Resident memory of this process against a budget, looked at a few times a second at most.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace pawl {

class MemoryWatch {
 public:
  // 0: never over.
  explicit MemoryWatch(std::uint64_t resident_bytes_max) : bytes_max_(resident_bytes_max) {}
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

  // True when the process is over its budget now. `accounted`: bytes that the caller knows it holds
  // and that are not to be held against the budget.
  bool is_over(Instant now, std::uint64_t accounted);
  // When a look is due that is worth waking for: what libzmq gathers of an endless message wakes
  // nobody. A process that is awake anyway looks more often.
  Instant wake_by() const { return bytes_max_ == 0 ? never : wake_by_; }
  std::uint64_t resident_bytes();  // 0 where /proc cannot be read

 private:
  std::uint64_t bytes_max_;
  int fd_ = -1;  // kept open: a look is then one system call
  std::uint64_t last_seen_ = 0;
  Instant next_look_{};
  Instant wake_by_{};
};

}  // namespace pawl
