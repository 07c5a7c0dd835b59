// SPDX-License-Identifier: Apache-2.0
// Bodies of chunks that a hub keeps at hand, least recently used out first, within a bound of bytes
// (G6). What is not here is read from the store when it is needed.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <set>

#include "core/buffer.hpp"

namespace pawl {

class ChunkCache {
 public:
  explicit ChunkCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void put(std::uint64_t chunk_id, Slice body);
  // Only beside all that is here, and the first to go.
  void put_if_room(std::uint64_t chunk_id, Slice body);
  // Null if it is not here; a hit counts as use. Valid until the next put or erase.
  const Slice* find(std::uint64_t chunk_id);
  // No use.
  bool has(std::uint64_t chunk_id) const { return by_id_.count(chunk_id) != 0; }
  void erase(std::uint64_t chunk_id);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::uint64_t chunk_id = 0;
    Slice body;
  };
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::list<Kept> by_use_;  // most recent first
  std::map<std::uint64_t, std::list<Kept>::iterator> by_id_;
};

}  // namespace pawl
