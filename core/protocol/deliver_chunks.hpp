// SPDX-License-Identifier: Apache-2.0
// The rows of a DELIVER and the frames behind it: a row with the flag `with_previous` has no frame
// of its own, its entries follow those of the row before. One frame for many small rows is what
// makes a retry cheap: a frame costs libzmq some 300 ns in each of the processes.
#pragma once

#include <cstddef>
#include <vector>

#include "core/chunk/chunk.hpp"
#include "core/protocol/messages.hpp"

namespace pawl::protocol {

// Checks each frame and calls `take(row, chunk, fault)` for each row, in order. `chunk` holds the
// row's entries and nothing else; after a fault, which all rows of the frame share, it is the whole
// frame for the first of them and empty for the others. `frames` are as many as frames_expected().
template <class Take>
void each_chunk(const Deliver& deliver, const std::vector<Slice>& frames,
                std::size_t body_bytes_max, Take&& take) {
  const auto& rows = deliver.rows;
  std::size_t first = 0;
  for (const Slice& frame : frames) {
    std::size_t count = rows[first].count;
    std::size_t end = first + 1;
    for (; end < rows.size() && is_with_previous(rows[end]); ++end) count += rows[end].count;
    const Fault fault = check_chunk(frame.bytes(), count, body_bytes_max);
    if (end == first + 1 || fault.code != Code::ok) {
      take(rows[first], frame, fault);
      for (std::size_t i = first + 1; i < end; ++i) take(rows[i], Slice{}, fault);
    } else {
      ChunkReader reader(frame.bytes());
      std::size_t at = frame.offset;
      for (std::size_t i = first; i < end; ++i) {
        const std::size_t size = reader.skip(rows[i].count);
        take(rows[i], Slice(frame.buffer, at, size), fault);
        at += size;
      }
    }
    first = end;
  }
}

}  // namespace pawl::protocol
