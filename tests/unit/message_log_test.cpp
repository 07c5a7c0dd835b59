// SPDX-License-Identifier: Apache-2.0
// Reading ahead: what a log asks for before its scan comes to it.
#include "patterns/work_queue/log.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "core/chunk/chunk.hpp"

using namespace pawl;

namespace {

constexpr std::size_t body_bytes = 100'000;

// A log of chunks of one message each, none of whose bodies is at hand but for those in `here`.
struct Reader {
  MessageLog log{7};
  ChunkCache cache{0};
  std::uint64_t next_chunk_id = 1;
  std::set<std::uint64_t> here;
  Commit commit;

  void append(int count) {
    const std::string body(body_bytes, 'b');
    for (int i = 0; i < count; ++i) {
      ChunkBuilder chunk;
      chunk.append({}, std::as_bytes(std::span(body)));
      log.append(chunk.take(), 1);
    }
    log.seal({}, next_chunk_id, cache, commit);
  }
  void end_commit() { log.on_committed(log.sealed_tail()); }
  // The offset of what it wants within so many messages of the scan.
  std::optional<std::uint64_t> wants(std::uint64_t messages) {
    const ChunkRef* ref = log.next_ahead(messages * body_bytes, [&](const ChunkRef& chunk) {
      return here.count(chunk.chunk_id) != 0;
    });
    return ref == nullptr ? std::nullopt : std::optional(ref->offset);
  }
  void read_to(std::uint64_t chunk_id) {
    while (here.size() < chunk_id) here.insert(here.size() + 1);
  }
};

}  // namespace

TEST_CASE("a log wants nothing read that its store does not hold yet") {
  Reader reader;
  reader.append(3);
  CHECK_FALSE(reader.wants(10));
  reader.end_commit();
  CHECK(reader.wants(10) == 0);
}

TEST_CASE("a log wants the first body that is not at hand, and no more than it may have ahead") {
  Reader reader;
  reader.append(10);
  reader.end_commit();
  CHECK(reader.wants(4) == 0);
  reader.read_to(2);
  CHECK(reader.wants(4) == 2);
  CHECK_FALSE(reader.log.is_all_at_hand());
  reader.read_to(4);
  CHECK_FALSE(reader.wants(4));
  CHECK_FALSE(reader.log.is_all_at_hand());
}

TEST_CASE("a log reads on as its scan moves, and is done at its end") {
  Reader reader;
  reader.append(10);
  reader.end_commit();
  reader.read_to(4);
  CHECK_FALSE(reader.wants(4));
  REQUIRE(reader.log.at_scan(3)->offset == 3);
  CHECK(reader.wants(4) == 4);
  reader.read_to(10);
  CHECK_FALSE(reader.wants(100));
  CHECK(reader.log.is_all_at_hand());
  // Past everything, also what was never looked at.
  reader.append(5);
  reader.end_commit();
  CHECK(reader.log.at_scan(15) == nullptr);
  CHECK_FALSE(reader.wants(100));
  reader.append(1);
  reader.end_commit();
  CHECK(reader.wants(100) == 15);
}

TEST_CASE("a log whose last chunks are not committed yet is not behind for want of them") {
  Reader reader;
  reader.append(2);
  reader.end_commit();
  reader.append(3);
  reader.read_to(2);
  CHECK_FALSE(reader.wants(100));
  CHECK(reader.log.is_all_at_hand());
}

TEST_CASE("a log knows the chunks ahead of its scan by their ids") {
  Reader reader;
  reader.append(3);
  reader.next_chunk_id += 10;  // others' chunks
  reader.append(2);
  reader.end_commit();
  REQUIRE(reader.log.at_scan(1)->chunk_id == 2);
  for (const std::uint64_t id : {2U, 3U, 14U, 15U}) CHECK(reader.log.is_ahead(id));
  for (const std::uint64_t id : {0U, 1U, 4U, 13U, 16U}) CHECK_FALSE(reader.log.is_ahead(id));
}
