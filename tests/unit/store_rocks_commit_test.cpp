// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <sstream>

#include "core/limits.hpp"
#include "core/store/rocks_commit_thread.hpp"
#include "core/store/rocks_compactor.hpp"
#include "core/store/rocks_directory.hpp"
#include "tests/support/store_probe.hpp"

namespace pawl {
namespace {

// The sizes of the groups that commits make: "d" is durable, "w" only written.
std::string groups(const std::string& kinds, std::size_t bytes_max) {
  std::vector<Commit> commits;
  for (const char kind : kinds) {
    commits.push_back({.puts = {{Space::state, "k", std::string(9, 'v')}},
                       .deletes = {},
                       .durable = kind == 'd'});
  }
  std::ostringstream sizes;
  for (std::span<const Commit> rest{commits}; !rest.empty();) {
    const std::size_t size = group_size(rest, bytes_max);
    sizes << size << ' ';
    rest = rest.subspan(size);
  }
  return sizes.str();
}

}  // namespace

TEST_CASE("commits that need no sync do not wait for the sync of a later one") {
  CHECK(groups("wwd", 1000) == "2 1 ");
  CHECK(groups("dwwd", 1000) == "4 ");
  CHECK(groups("www", 1000) == "3 ");
}

TEST_CASE("a group of commits ends before its bytes, and takes one that is larger alone") {
  CHECK(groups("ddddd", 20) == "2 2 1 ");
  CHECK(groups("dd", 5) == "1 1 ");
}

TEST_CASE("many durable commits share a sync") {
  testing::TemporaryDirectory directory;
  auto database = RocksDatabase::open(directory.path(), RocksBudget::for_file_system(512ULL << 20));
  REQUIRE(database);
  EventQueue finished;
  CommitThread commits{**database, finished};
  constexpr std::uint64_t count = 2000;
  for (std::uint64_t i = 0; i < count; ++i) {
    commits.submit({.puts = {{Space::state, testing::key_of(i), std::string("v")}},
                    .deletes = {},
                    .durable = true,
                    .tag = i});
  }
  commits.settle();
  std::vector<StoreEvent> events;
  finished.drain(events);
  CHECK(events.size() == count);
  CHECK(commits.syncs() == commits.writes());
  CHECK(commits.syncs() >= 1);
  CHECK(commits.syncs() < count / 2);
}

TEST_CASE("only an I/O error of a sync is a failed sync") {
  CHECK(is_final_failure(rocksdb::Status::IOError("While fdatasync", "/data/000004.log")));
  CHECK(is_final_failure(rocksdb::Status::IOError("While fsync", "/data/000004.sst")));
  CHECK_FALSE(
      is_final_failure(rocksdb::Status::IOError("While appending to file", "/fsync/4.log")));
  CHECK_FALSE(is_final_failure(rocksdb::Status::NoSpace("While appending to file", "/data/4.log")));
  CHECK_FALSE(is_final_failure(rocksdb::Status::OK()));
  CHECK(is_final_failure(rocksdb::Status::Corruption("Blob CRC mismatch")));
}

TEST_CASE("the reserve covers what may be in flight on every size of disk, and leaves most of it") {
  for (std::uint64_t total = 128ULL << 20; total < 1ULL << 44; total *= 2) {
    const RocksBudget budget = RocksBudget::for_file_system(total);
    CHECK(budget.reserve_bytes(total) >= budget.in_flight_bytes());
    CHECK(budget.reserve_bytes(total) <= total / 5);
    CHECK(budget.reserve_bytes(total) <= 256'000'000);
  }
  CHECK(RocksBudget::for_file_system(512ULL << 20).reserve_bytes(512ULL << 20) == 53'687'091);
}

TEST_CASE("garbage is what was deleted, at the mean size of what was put") {
  GarbageCount count;
  count.add({.puts = {{Space::chunks, "a", std::string(100, 'x')},
                      {Space::chunks, "b", std::string(300, 'x')},
                      {Space::state, "c", std::string(9000, 'x')}},
             .deletes = {}});
  CHECK(count.garbage_bytes() == 0);
  count.add({.puts = {}, .deletes = {{Space::chunks, "a"}, {Space::state, "c"}}});
  CHECK(count.garbage_bytes() == 200);
  CHECK(count.state_deleted == 1);
}

TEST_CASE("what keeps a store from opening is told with its remedy") {
  const auto text = [](const rocksdb::Status& status) { return open_fault("/data", status).text; };
  CHECK_THAT(text(rocksdb::Status::IOError("While lock file: /data/LOCK", "busy")),
             Catch::Contains("in use"));
  CHECK_THAT(text(rocksdb::Status::NoSpace("x")), Catch::Contains("no space left"));
  CHECK_THAT(text(rocksdb::Status::Corruption("bad block")),
             Catch::Contains("damaged") && Catch::Contains("bad block"));
  CHECK_THAT(text(rocksdb::Status::InvalidArgument("Column families not opened: new")),
             Catch::Contains("another version"));
  CHECK_THAT(text(rocksdb::Status::IOError("While open", "Permission denied")),
             Catch::Contains("let this user write"));
}

}  // namespace pawl
