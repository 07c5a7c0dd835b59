// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "core/store/memory_store.hpp"

namespace pawl {
namespace {

std::string text_of(const Row& row) {
  const Bytes bytes = row.value.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Commit put(std::string key, std::string value, std::uint64_t tag = 0) {
  Commit commit;
  commit.tag = tag;
  commit.puts.push_back({Space::state, std::move(key), std::move(value)});
  return commit;
}

Commit erase(std::string key) {
  Commit commit;
  commit.deletes.push_back({Space::state, std::move(key)});
  return commit;
}

ReadRequest all(std::size_t bytes_max = 1 << 20) {
  return {.space = Space::state, .from = "", .to = "\xff", .bytes_max = bytes_max, .tag = 7};
}

}  // namespace

TEST_CASE("a memory store reports commits in the order of submission") {
  MemoryStore store;
  store.submit(put("a", "1", 11));
  store.submit(put("b", "2", 12));
  std::vector<StoreEvent> events;
  store.drain(events);
  REQUIRE(events.size() == 2);
  CHECK(std::get<Committed>(events[0]).tag == 11);
  CHECK(std::get<Committed>(events[1]).tag == 12);
  store.drain(events);
  CHECK(events.size() == 2);
}

TEST_CASE("a memory store's read ends after the row that crosses its bytes") {
  MemoryStore store;
  for (const char* key : {"a", "b", "c"}) store.submit(put(key, "12345"));
  const Page one = store.read_now(all(1)).value();
  REQUIRE(one.rows.size() == 1);
  CHECK_FALSE(one.complete);
  const Page two = store.read_now(all(7)).value();
  CHECK(two.rows.size() == 2);
  CHECK_FALSE(two.complete);
  const Page rest = store.read_now(all(18)).value();
  CHECK(rest.rows.size() == 3);
  CHECK(rest.complete);
  CHECK(rest.tag == 7);
}

TEST_CASE("a memory store orders keys bytewise, high bytes last") {
  MemoryStore store;
  store.submit(put(std::string("\x80", 1), "high"));
  store.submit(put(std::string("\x7f", 1), "low"));
  const Page page = store.read_now(all()).value();
  REQUIRE(page.rows.size() == 2);
  CHECK(text_of(page.rows[0]) == "low");
  CHECK(text_of(page.rows[1]) == "high");
}

TEST_CASE("a memory store gives back the room of what is deleted or replaced") {
  MemoryStore store{{.bytes_max = 10'000}};
  const std::uint64_t before = store.free_bytes();
  store.submit(put("a", std::string(500, 'x')));
  CHECK(store.free_bytes() == before - 501 - MemoryRows::row_overhead_bytes);
  store.submit(put("a", "y"));
  CHECK(store.free_bytes() == before - 2 - MemoryRows::row_overhead_bytes);
  store.submit(erase("a"));
  store.submit(erase("never there"));
  CHECK(store.free_bytes() == before);
}

TEST_CASE("G6 a memory store at its bound has no free bytes and still commits settles") {
  MemoryStore store{{.bytes_max = 300}};
  store.submit(put("a", std::string(500, 'x')));
  CHECK(store.free_bytes() == 0);
  store.submit(erase("a"));
  CHECK(store.free_bytes() == 300);
}

TEST_CASE("G6 a memory store does not keep a large buffer alive for a small slice of it") {
  MemoryStore store;
  Buffer buffer = Buffer::allocate(1000);
  Commit commit;
  commit.puts.push_back({Space::chunks, "small", Slice{buffer, 10, 20}});
  commit.puts.push_back({Space::chunks, "whole", Slice{buffer}});
  store.submit(std::move(commit));
  ReadRequest request = all();
  request.space = Space::chunks;
  const Page page = store.read_now(request).value();
  REQUIRE(page.rows.size() == 2);
  CHECK(page.rows[0].value.buffer.size() == 20);
  CHECK(page.rows[1].value.buffer.data() == buffer.data());
}

}  // namespace pawl
