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

  // A story of so many steps, which has sent so many bytes of headers and frames, may take more:
  // each step a session, a queue with its dead letters or a row of a producer; each byte a copy in
  // its frame, its chunk, the commit under way, the store's written and synced rows, and an answer.
  void allow_story(std::size_t steps, std::size_t bytes) { bytes_max_ += steps * 4096 + bytes * 6; }

  void check() const;
  // The most by which the heap has grown since this began.
  std::size_t peak() const;

 private:
  const char* what_;
  std::size_t bytes_max_;
  std::ptrdiff_t begin_;
};

}  // namespace pawl::fuzzing
