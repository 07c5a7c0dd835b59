// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/forming_chunk.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"

namespace pawl::peer {
namespace {

// bin8, bin16 or bin32 with its length; returns where the body begins.
std::byte* write_bin_header(std::byte* at, std::size_t size) {
  const auto put = [&](unsigned value) { *at++ = static_cast<std::byte>(value & 0xff); };
  if (size < 256) {
    put(0xc4);
  } else if (size < 65536) {
    put(0xc5);
    put(static_cast<unsigned>(size >> 8));
  } else {
    put(0xc6);
    put(static_cast<unsigned>(size >> 24));
    put(static_cast<unsigned>(size >> 16));
    put(static_cast<unsigned>(size >> 8));
  }
  put(static_cast<unsigned>(size));
  return at;
}

}  // namespace

bool FormingChunk::has_room(std::size_t entry_bytes) const {
  if (count_ == 0) return true;
  return count_ < limits::chunk_messages_max && used_ + entry_bytes <= limits::chunk_bytes_aim;
}

void FormingChunk::append(Bytes meta, Bytes body) {
  const std::size_t needed = used_ + entry_size(meta.size(), body.size());
  PAWL_CHECK(needed <= buffer_.size());
  std::byte* at = buffer_.writable() + used_;
  prefetch_ahead<Prefetch::to_write>(at);
  *at++ = std::byte{0x92};
  if (meta.empty()) {
    *at++ = std::byte{0xc0};
  } else {
    std::memcpy(at, meta.data(), meta.size());
    at += meta.size();
  }
  at = write_bin_header(at, body.size());
  if (!body.empty()) std::memcpy(at, body.data(), body.size());
  used_ = needed;
  ++count_;
}

void FormingChunk::grow(std::size_t needed) {
  std::size_t size = std::max(needed, expected_);
  if (buffer_) size = std::max(size, std::min(buffer_.size() * 4, limits::chunk_bytes_aim));
  Buffer larger = Buffer::allocate(size);
  if (used_ > 0) std::memcpy(larger.writable(), buffer_.data(), used_);
  buffer_ = std::move(larger);
}

Slice FormingChunk::take() {
  expected_ = std::clamp(std::bit_ceil(used_), std::size_t{256}, limits::chunk_bytes_aim);
  Slice chunk(std::move(buffer_), 0, used_);
  buffer_ = {};
  used_ = 0;
  count_ = 0;
  return chunk;
}

}  // namespace pawl::peer
