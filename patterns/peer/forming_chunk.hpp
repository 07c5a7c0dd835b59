// SPDX-License-Identifier: Apache-2.0
// The chunk that send() appends to. Written straight into the block that goes out, so that a
// message is copied once; no allocation for a message, only for a chunk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/buffer.hpp"

namespace pawl::peer {

class FormingChunk {
 public:
  // False when the entry would take the chunk over its bounds: take() first.
  bool has_room(std::size_t entry_bytes) const;
  // For one more entry of so many bytes; its append() then cannot fail.
  void make_room(std::size_t entry_bytes) {
    if (used_ + entry_bytes > buffer_.size()) grow(used_ + entry_bytes);
  }
  // After make_room(). `meta` is an encoded map, or empty for nil.
  void append(Bytes meta, Bytes body);
  Slice take();

  std::uint32_t count() const { return count_; }
  std::size_t bytes() const { return used_; }

 private:
  void grow(std::size_t needed);

  Buffer buffer_;
  std::size_t used_ = 0;
  std::uint32_t count_ = 0;
  std::size_t expected_ = 1024;  // as large as the last one was, so that busy chunks do not grow
};

}  // namespace pawl::peer
