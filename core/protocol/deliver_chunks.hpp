// SPDX-License-Identifier: Apache-2.0
// The rows of a DELIVER and the frames behind it: a row with the flag `with_previous` has no frame
// of its own, its entries follow those of the row before. One frame for many small rows: each costs
// libzmq and both of its users (docs/decisions/0004).
#pragma once

#include <cstddef>
#include <vector>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/protocol/messages.hpp"

namespace pawl::protocol {

// Checks each frame and calls `take(row, chunk, fault)` for each row, in order. `chunk` holds the
// row's entries and nothing else. Where that ends for a row, it has the fault and the rest of its
// frame, and the rows behind it in that frame have the same fault and no bytes: where they begin is
// not known. `frames` are as many as frames_expected().
template <class Take>
void each_chunk(const Deliver& deliver, const std::vector<Slice>& frames,
                std::size_t body_bytes_max, Take&& take) {
  const auto& rows = deliver.rows;
  std::size_t first = 0;
  for (const Slice& frame : frames) {
    PAWL_CHECK(first < rows.size());
    std::size_t count = rows[first].count;
    std::size_t end = first + 1;
    for (; end < rows.size() && is_with_previous(rows[end]); ++end) count += rows[end].count;
    Fault fault = check_chunk_size(frame.size, count);
    Bytes rest = frame.bytes();
    for (; first < end; ++first) {
      const std::size_t at = frame.offset + frame.size - rest.size();
      const Bytes before = rest;
      if (fault.code == Code::ok) fault = check_entries(rest, rows[first].count, body_bytes_max);
      if (fault.code == Code::ok && first + 1 == end) fault = check_chunk_end(rest, count);
      if (fault.code != Code::ok) rest = {};
      take(rows[first], Slice(frame.buffer, at, before.size() - rest.size()), fault);
    }
  }
}

}  // namespace pawl::protocol
