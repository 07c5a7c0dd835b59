// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/chunk_cache.hpp"

#include <iterator>
#include <utility>

namespace pawl {

void ChunkCache::put(std::uint64_t chunk_id, Slice body) {
  erase(chunk_id);
  bytes_ += body.size;
  by_use_.push_front({chunk_id, std::move(body)});
  by_id_[chunk_id] = by_use_.begin();
  // The newest stays even if it alone is over the bound: somebody asked for it.
  while (bytes_ > bytes_max_ && by_use_.size() > 1) erase(by_use_.back().chunk_id);
}

void ChunkCache::put_if_room(std::uint64_t chunk_id, Slice body) {
  if (has(chunk_id) || bytes_ + body.size > bytes_max_) return;
  bytes_ += body.size;
  by_use_.push_back({chunk_id, std::move(body)});
  by_id_[chunk_id] = std::prev(by_use_.end());
}

const Slice* ChunkCache::find(std::uint64_t chunk_id) {
  const auto found = by_id_.find(chunk_id);
  if (found == by_id_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return &found->second->body;
}

void ChunkCache::erase(std::uint64_t chunk_id) {
  const auto found = by_id_.find(chunk_id);
  if (found == by_id_.end()) return;
  bytes_ -= found->second->body.size;
  by_use_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace pawl
