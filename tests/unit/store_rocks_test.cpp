// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_store.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/store_probe.hpp"

namespace pawl {

using testing::StoreProbe;
using testing::TemporaryDirectory;

TEST_CASE("a RocksDB store reports commits in order, durable or not") {
  TemporaryDirectory directory;
  StoreProbe probe{directory.path()};
  for (std::uint64_t tag = 1; tag <= 300; ++tag) {
    probe.submit({.puts = {{Space::state, testing::key_of(tag), std::string("v")}},
                  .deletes = {},
                  .durable = tag % 3 == 0,
                  .tag = tag});
  }
  std::uint64_t next = 1;
  for (const StoreEvent& event : probe.wait_for(300)) {
    REQUIRE(std::holds_alternative<Committed>(event));
    CHECK(std::get<Committed>(event).tag == next++);
  }
  CHECK(probe.all(Space::state).rows.size() == 300);
}

TEST_CASE("a RocksDB store applies a commit's deletes and keeps the spaces apart") {
  TemporaryDirectory directory;
  StoreProbe probe{directory.path()};
  const Buffer chunk = Buffer::copy_of(std::as_bytes(std::span{"0123456789", 10}));
  probe.commit({.puts = {{Space::chunks, "k", Slice{chunk, 2, 3}}, {Space::state, "k", "state"}},
                .deletes = {},
                .durable = true});
  CHECK(testing::text_of(probe.all(Space::chunks).rows.at(0)) == "234");
  probe.commit({.puts = {}, .deletes = {{Space::state, "k"}}});
  CHECK(probe.all(Space::state).rows.empty());
  CHECK(probe.all(Space::chunks).rows.size() == 1);
}

TEST_CASE("a RocksDB store's read ends after the row that crosses its bytes, and before `to`") {
  TemporaryDirectory directory;
  StoreProbe probe{directory.path()};
  Commit commit;
  for (std::uint64_t i = 0; i < 10; ++i) {
    commit.puts.push_back({Space::state, testing::key_of(i), std::string(100, 'x')});
  }
  probe.commit(std::move(commit));
  probe.store().read({Space::state, testing::key_of(2), testing::key_of(8), 1, 41});
  probe.store().read({Space::state, testing::key_of(2), testing::key_of(8), 300, 42});
  probe.store().read({Space::state, testing::key_of(2), testing::key_of(8), 100'000, 43});
  const auto events = probe.wait_for(3);
  const Page& one = std::get<Page>(events[0]);
  CHECK((one.tag == 41 && one.rows.size() == 1 && !one.complete));
  const Page& three = std::get<Page>(events[1]);
  CHECK((three.tag == 42 && three.rows.size() == 3 && !three.complete));
  const Page& rest = std::get<Page>(events[2]);
  CHECK((rest.tag == 43 && rest.rows.size() == 6 && rest.complete));
  CHECK(rest.rows.front().key == testing::key_of(2));
  CHECK(rest.rows.back().key == testing::key_of(7));
}

TEST_CASE("a read sees every commit that was reported before it") {
  TemporaryDirectory directory;
  StoreProbe probe{directory.path()};
  for (std::uint64_t i = 1; i <= 200; ++i) {
    probe.commit({.puts = {{Space::state, "k", testing::key_of(i)}}, .deletes = {}});
    probe.store().read({Space::state, "k", "l", 100, i});
    const auto events = probe.wait_for(1);
    CHECK(testing::text_of(std::get<Page>(events[0]).rows.at(0)) == testing::key_of(i));
  }
}

TEST_CASE("a RocksDB store that was closed and opened again holds what it held") {
  TemporaryDirectory directory;
  {
    StoreProbe probe{directory.path()};
    probe.commit({.puts = {{Space::chunks, "a", std::string(100'000, 'c')}}, .deletes = {}});
    probe.store().submit({.puts = {{Space::state, "b", "not waited for"}}, .deletes = {}});
  }
  StoreProbe probe{directory.path()};
  CHECK(probe.all(Space::chunks).rows.at(0).value.size == 100'000);
  CHECK(testing::text_of(probe.all(Space::state).rows.at(0)) == "not waited for");
  probe.store().submit({.puts = {{Space::state, "c", "3"}}, .deletes = {}, .tag = 9});
  CHECK(probe.store().reopen().code == Code::ok);
  std::vector<StoreEvent> events;
  probe.store().drain(events);
  CHECK(events.empty());  // dropped by the reopen; the row itself was written before it
  CHECK(probe.all(Space::state).rows.size() == 2);
  probe.commit({.puts = {{Space::state, "d", "4"}}, .deletes = {}, .durable = true});
  CHECK(probe.all(Space::state).rows.size() == 3);
}

TEST_CASE("deleted chunks are given back to the file system when idle") {
  TemporaryDirectory directory;
  StoreProbe probe{directory.path()};
  const std::string chunk = testing::noise(110'000);
  for (std::uint64_t i = 0; i < 200; ++i) {
    probe.commit({.puts = {{Space::chunks, testing::key_of(i), chunk}}, .deletes = {}});
  }
  for (std::uint64_t i = 0; i < 200; ++i) {
    probe.commit({.puts = {}, .deletes = {{Space::chunks, testing::key_of(i)}}});
  }
  REQUIRE(directory.bytes() > 20'000'000);
  probe.store().on_idle();
  CHECK(testing::wait_until(directory.path(), [&] { return directory.bytes() < 4'000'000; }));
  CHECK(probe.all(Space::chunks).rows.empty());
}

TEST_CASE("a store's free bytes leave the reserve alone") {
  TemporaryDirectory directory;
  auto whole = open_rocks_store({.directory = directory.path() / "a", .reserve_bytes = 1});
  auto less = open_rocks_store({.directory = directory.path() / "b", .reserve_bytes = 1ULL << 62});
  REQUIRE(whole);
  REQUIRE(less);
  CHECK((*whole)->free_bytes() > 0);
  CHECK((*less)->free_bytes() == 0);
}

TEST_CASE("a second store on one directory is refused with a remedy, and the first goes on") {
  TemporaryDirectory directory;
  StoreProbe probe{directory.path()};
  const auto second = open_rocks_store({.directory = directory.path()});
  REQUIRE_FALSE(second);
  CHECK_THAT(second.fault().text, Catch::Contains(directory.path().string() + " is in use") &&
                                      Catch::Contains("--data"));
  probe.commit({.puts = {{Space::state, "a", "1"}}, .deletes = {}, .durable = true});
}

TEST_CASE("a store's directory that is none, or damaged, is refused with a remedy") {
  TemporaryDirectory directory;
  const auto file = directory.path() / "file";
  std::ofstream{file} << "x";
  const auto not_a_directory = open_rocks_store({.directory = file});
  REQUIRE_FALSE(not_a_directory);
  CHECK_THAT(not_a_directory.fault().text, Catch::Contains("is not a directory"));
  CHECK_FALSE(open_rocks_store({.directory = file / "below"}));

  const auto data = directory.path() / "data";
  { StoreProbe probe{data}; }
  std::ofstream{data / "CURRENT"} << "MANIFEST-999999\n";
  const auto damaged = open_rocks_store({.directory = data});
  REQUIRE_FALSE(damaged);
  INFO(damaged.fault().text);
  CHECK_THAT(damaged.fault().text, Catch::Contains(data.string()));
  std::filesystem::remove(data / "CURRENT");
  const auto headless = open_rocks_store({.directory = data});
  REQUIRE_FALSE(headless);
  CHECK_THAT(headless.fault().text, Catch::Contains("CURRENT is missing"));
}

TEST_CASE("a store's directory is made for its owner only") {
  TemporaryDirectory directory;
  const auto data = directory.path() / "a" / "b";
  StoreProbe probe{data};
  const auto rights = std::filesystem::status(data).permissions();
  CHECK((rights & std::filesystem::perms::mask) == std::filesystem::perms::owner_all);
}

}  // namespace pawl
