// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "patterns/work_queue/chunk_cache.hpp"

using namespace pawl;

namespace {
Slice body(std::size_t size) {
  return Buffer::allocate(size);
}
}  // namespace

TEST_CASE("G6 the chunk cache keeps what was used last, within its bytes") {
  ChunkCache cache(100);
  for (std::uint64_t id = 1; id <= 10; ++id) cache.put(id, body(10));
  CHECK(cache.bytes() == 100);
  CHECK(cache.find(1) != nullptr);  // used: now 2 is the oldest
  cache.put(11, body(10));
  CHECK(cache.bytes() == 100);
  CHECK(cache.find(2) == nullptr);
  CHECK(cache.find(1) != nullptr);
  cache.put(1, body(30));  // in its place
  CHECK(cache.bytes() <= 100);
  CHECK(cache.find(1)->size == 30);
  cache.erase(1);
  cache.erase(1);
  CHECK(cache.find(1) == nullptr);
}

TEST_CASE("G6 a chunk larger than the cache is at hand until the next one comes") {
  ChunkCache cache(100);
  cache.put(1, body(10));
  cache.put(2, body(500));
  CHECK(cache.find(1) == nullptr);
  CHECK(cache.find(2) != nullptr);
  cache.put(3, body(10));
  CHECK(cache.find(2) == nullptr);
  CHECK(cache.bytes() == 10);
}

TEST_CASE("G6 what nobody asked for takes no room in the chunk cache from what somebody did") {
  ChunkCache cache(100);
  cache.put(1, body(60));
  cache.put_if_room(2, body(60));
  CHECK_FALSE(cache.has(2));
  cache.put_if_room(3, body(40));
  CHECK(cache.has(3));
  CHECK(cache.bytes() == 100);
  cache.put(4, body(10));  // older than both, 3 goes all the same
  CHECK(cache.has(1));
  CHECK_FALSE(cache.has(3));
  cache.put_if_room(1, body(5));  // here already
  CHECK(cache.find(1)->size == 60);
}
