// SPDX-License-Identifier: Apache-2.0
// The frames of the DELIVER that is being put together. Small chunks that follow one another are
// copied into one frame; a large one, and a small one between large ones, goes as it is.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/buffer.hpp"
#include "core/limits.hpp"
#include "core/protocol/messages.hpp"

namespace pawl {

class DeliverFrames {
 public:
  // The chunk of the row that was added last; `row` is told if it shares the frame of the one
  // before.
  void add(protocol::Deliver::Row& row, Slice chunk) {
    const bool is_small = chunk.size <= gathered_bytes_max;
    if (is_small && last_is_small_ && count_ + row.count <= limits::chunk_messages_max &&
        bytes_of_last() + chunk.size <= limits::chunk_bytes_aim) {
      if (gathered_.empty()) gather(frames_.back());
      gather(chunk);
      count_ += row.count;
      row.flags |= protocol::deliver_flags::with_previous;
      return;
    }
    close();
    frames_.push_back(std::move(chunk));
    last_is_small_ = is_small;
    count_ = row.count;
  }

  std::vector<Slice> take() {
    close();
    last_is_small_ = false;
    return std::exchange(frames_, {});
  }

 private:
  // libzmq copies a smaller frame anyway, into batches of 8 KiB.
  static constexpr std::size_t gathered_bytes_max = 4096;

  std::size_t bytes_of_last() const {
    return gathered_.empty() ? frames_.back().size : gathered_.size();
  }
  void gather(const Slice& chunk) {
    const Bytes bytes = chunk.bytes();
    gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
  }
  void close() {
    if (gathered_.empty()) return;
    frames_.back() = Buffer::copy_of(gathered_);
    gathered_.clear();
  }

  std::vector<Slice> frames_;
  std::vector<std::byte> gathered_;  // the last frame, if it is of several rows; its memory stays
  std::size_t count_ = 0;            // messages in the last frame
  bool last_is_small_ = false;
};

}  // namespace pawl
