// SPDX-License-Identifier: Apache-2.0
// A deadline that ends another thread's sleep only if it passes: to set and to clear it wakes
// nobody.
#pragma once

#include "core/time.hpp"

namespace pawl::transport {

class Timer {
 public:
  Timer();  // throws std::system_error when the process is out of descriptors
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // From now on, once. What was set before counts no more, even if it has passed.
  void set(Duration from_now) const;
  void clear() const { set(Duration::zero()); }
  // True once after it has passed.
  bool take_passed() const;
  int fd() const { return fd_; }  // readable when it has passed

 private:
  int fd_ = -1;
};

}  // namespace pawl::transport
