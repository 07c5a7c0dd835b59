// SPDX-License-Identifier: Apache-2.0
// MemoryBound: while one lives, the program's heap may grow by so many bytes at most, however
// little of it is left at the end. The peak is counted by every malloc and new; it aborts past the
// bound.
#pragma once

#include <cstddef>

namespace pawl::fuzzing {

class MemoryBound {
 public:
  // One at a time. `what` is said when it does not hold.
  MemoryBound(const char* what, std::size_t bytes_max);
  ~MemoryBound() { check(); }
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;

  // What a story has sent to the machine may take so much more.
  void allow(std::size_t bytes) { bytes_max_ += bytes; }

  void check() const;
  // The most by which the heap has grown since this began.
  std::size_t peak() const;

 private:
  const char* what_;
  std::size_t bytes_max_;
  std::ptrdiff_t begin_;
};

}  // namespace pawl::fuzzing
