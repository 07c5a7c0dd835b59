// SPDX-License-Identifier: Apache-2.0
#include "core/buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace pawl {

Buffer Buffer::allocate(std::size_t size) {
  void* memory = std::malloc(sizeof(Block) + size);
  if (memory == nullptr) throw std::bad_alloc();
  auto* block = new (memory) Block;
  block->size = size;
  block->data = static_cast<std::byte*>(memory) + sizeof(Block);
  return reclaim(block);
}

Buffer Buffer::copy_of(Bytes bytes) {
  Buffer buffer = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.writable(), bytes.data(), bytes.size());
  return buffer;
}

Buffer Buffer::adopt(const void* data, std::size_t size, void (*release)(void*), void* hint) {
  void* memory = std::malloc(sizeof(Block));
  if (memory == nullptr) throw std::bad_alloc();
  auto* block = new (memory) Block;
  block->size = size;
  block->data = const_cast<std::byte*>(static_cast<const std::byte*>(data));
  block->release = release;
  block->hint = hint;
  return reclaim(block);
}

void Buffer::release() noexcept {
  if (block_ == nullptr) return;
  if (block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (block_->release != nullptr) block_->release(block_->hint);
  block_->~Block();
  std::free(block_);
}

}  // namespace pawl
