// SPDX-License-Identifier: Apache-2.0
// Buffer: refcounted bytes that never change once shared. Slices of one chunk go to the store, to
// the cache and to several sockets without a copy. The count is atomic because libzmq's I/O thread
// drops the last reference of what it has sent.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace pawl {

using Bytes = std::span<const std::byte>;

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer& other) noexcept : block_(other.block_) { retain(); }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() { release(); }

  // A block of `size` writable bytes. Write only before the first copy is made of it.
  static Buffer allocate(std::size_t size);
  static Buffer copy_of(Bytes bytes);
  // Adopts foreign memory (a received frame): `release(hint)` is called once, on whichever thread
  // drops the last reference.
  static Buffer adopt(const void* data, std::size_t size, void (*release)(void* hint), void* hint);

  std::byte* writable() { return block_->data; }
  const std::byte* data() const { return block_ ? block_->data : nullptr; }
  std::size_t size() const { return block_ ? block_->size : 0; }
  Bytes bytes() const { return {data(), size()}; }
  explicit operator bool() const { return block_ != nullptr; }

  // Passing ownership through a C callback: `leak` gives the reference away, `reclaim` takes it
  // back.
  void* leak() && { return std::exchange(block_, nullptr); }
  static Buffer reclaim(void* leaked) {
    Buffer buffer;
    buffer.block_ = static_cast<Block*>(leaked);
    return buffer;
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> references{1};
    std::size_t size = 0;
    std::byte* data = nullptr;
    void (*release)(void*) = nullptr;  // null: data follows the block in the same allocation
    void* hint = nullptr;
  };
  void retain() noexcept {
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept;

  Block* block_ = nullptr;
};

// A part of a Buffer, keeping the whole alive.
struct Slice {
  Buffer buffer;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;

  Slice() = default;
  Slice(Buffer whole)  // NOLINT: implicit by design
      : buffer(std::move(whole)), size(static_cast<std::uint32_t>(buffer.size())) {}
  Slice(Buffer whole, std::size_t from, std::size_t length)
      : buffer(std::move(whole)),
        offset(static_cast<std::uint32_t>(from)),
        size(static_cast<std::uint32_t>(length)) {}

  Bytes bytes() const { return buffer.bytes().subspan(offset, size); }
  explicit operator bool() const { return static_cast<bool>(buffer); }
};

}  // namespace pawl
