// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "patterns/testing/faulty_store.hpp"

namespace pawl {
namespace {

using testing::FaultyStore;
using Survivors = FaultyStore::Survivors;

Commit put(std::uint64_t tag, bool durable = false) {
  Commit commit;
  commit.puts.push_back({Space::state, std::string(1, static_cast<char>('a' + tag)), "v"});
  commit.durable = durable;
  commit.tag = tag;
  return commit;
}

// "abd": the keys in the store.
std::string keys(FaultyStore& store) {
  std::string all;
  const auto page = store.read_now({Space::state, "", "~", 1 << 20, 0});
  for (const Row& row : page->rows) all += row.key;
  return all;
}

// "c0 u1 u2": committed and unknown, with tags.
std::string drained(FaultyStore& store) {
  std::vector<StoreEvent> events;
  store.drain(events);
  std::string text;
  for (const StoreEvent& event : events) {
    if (!text.empty()) text += ' ';
    if (const auto* done = std::get_if<Committed>(&event)) text += "c" + std::to_string(done->tag);
    if (const auto* lost = std::get_if<Unknown>(&event)) text += "u" + std::to_string(lost->tag);
    if (const auto* page = std::get_if<Page>(&event)) text += "p" + std::to_string(page->tag);
    if (const auto* bad = std::get_if<ReadFailed>(&event)) text += "f" + std::to_string(bad->tag);
  }
  return text;
}

}  // namespace

TEST_CASE("power loss takes what no durable commit has synced, a kill takes nothing written") {
  FaultyStore store;
  store.submit(put(0));
  store.submit(put(1, true));
  store.submit(put(2));
  CHECK(drained(store) == "c0 c1 c2");
  store.kill();
  CHECK(keys(store) == "abc");
  CHECK(store.crash(Survivors::none) == 1);
  CHECK(keys(store) == "ab");
  CHECK(store.syncs() == 1);
}

TEST_CASE("a page is no commit that has ended") {
  FaultyStore store;
  store.read({Space::state, "", "~", 1 << 20, 5});
  CHECK_FALSE(store.commit_has_ended());
  store.submit(put(0));
  CHECK(store.commit_has_ended());
  CHECK(drained(store) == "p5 c0");
  CHECK_FALSE(store.commit_has_ended());
  store.fail_next_commit();
  store.submit(put(1));
  CHECK(store.commit_has_ended());
}

TEST_CASE("a store that ignores durable loses durable commits to power loss") {
  FaultyStore store{{.ignore_durable = true}};
  store.submit(put(0, true));
  CHECK(drained(store) == "c0");
  CHECK(store.crash(Survivors::none) == 1);
  CHECK(keys(store).empty());
}

TEST_CASE("what survives power loss is a prefix, and the last commit is torn") {
  bool some_survived = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    FaultyStore store{{.seed = seed}};
    for (std::uint64_t tag = 0; tag < 5; ++tag) store.submit(put(tag));
    store.crash();
    const std::string left = keys(store);
    CHECK(left == std::string("abcde").substr(0, left.size()));
    CHECK(left.size() < 5);
    some_survived = some_survived || !left.empty();
  }
  CHECK(some_survived);
}

TEST_CASE("held commits complete in order when the test says so, and are not seen before") {
  FaultyStore store{{.hold_commits = true}};
  store.submit(put(0));
  store.submit(put(1));
  CHECK(drained(store).empty());
  CHECK(keys(store).empty());
  CHECK(store.complete_next());
  CHECK(drained(store) == "c0");
  CHECK(keys(store) == "a");
  store.complete_all();
  CHECK(drained(store) == "c1");
  CHECK_FALSE(store.complete_next());
}

TEST_CASE("a kill keeps a prefix of the held commits, none of them reported") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    FaultyStore store{{.seed = seed, .hold_commits = true}};
    store.submit(put(0));
    store.submit(put(1, true));
    store.kill();
    CHECK(drained(store).empty());
    CHECK(store.commits_held() == 0);
    const std::string left = keys(store);
    CHECK((left.empty() || left == "a" || left == "ab"));
    seen.insert(left);
  }
  CHECK(seen.size() == 3);
}

TEST_CASE("a failed commit is unknown with all behind it, and may be there after the reopen") {
  bool was_there = false;
  bool was_not = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    FaultyStore store{{.seed = seed, .hold_commits = true}};
    store.submit(put(0));
    store.complete_all();
    store.submit(put(1, true));
    store.submit(put(2));
    store.fail_next_commit();
    store.complete_all();
    store.submit(put(3));
    CHECK(drained(store) == "c0 u1 u2 u3");
    CHECK(keys(store) == "a");
    CHECK(store.reopen().code == Code::ok);
    const std::string left = keys(store);
    CHECK((left == "a" || left == "ab" || left == "abc"));
    was_there = was_there || left != "a";
    was_not = was_not || left == "a";
    store.hold_commits(false);
    store.submit(put(4, true));
    CHECK(drained(store) == "c4");
  }
  CHECK((was_there && was_not));
}

TEST_CASE("a failed sync says so") {
  FaultyStore store;
  store.fail_next_commit(true);
  store.submit(put(0, true));
  std::vector<StoreEvent> events;
  store.drain(events);
  REQUIRE(events.size() == 1);
  CHECK(std::get<Unknown>(events[0]).is_final);
}

TEST_CASE("a full disk fails commits and the reopen until space is freed") {
  FaultyStore store;
  store.set_full(true);
  CHECK(store.free_bytes() == 0);
  store.submit(put(0));
  CHECK(drained(store) == "u0");
  CHECK(store.reopen().code == Code::no_space);
  store.submit(put(1));
  CHECK(drained(store) == "u1");
  store.set_full(false);
  CHECK(store.reopen().code == Code::ok);
  store.submit(put(2));
  CHECK(drained(store) == "c2");
}

TEST_CASE("held reads answer when the test says so, with what is written then") {
  FaultyStore store{{.hold_reads = true}};
  store.read({Space::state, "a", "b", 100, 7});
  store.read({Space::state, "a", "b", 100, 8});
  CHECK(drained(store).empty());
  store.submit(put(0));
  CHECK(store.complete_next_read());
  store.fail_next_read();
  store.complete_all_reads();
  CHECK(drained(store) == "c0 p7 f8");
}

TEST_CASE("the same seed and script give the same survivors") {
  const auto run = [](std::uint64_t seed) {
    FaultyStore store{{.seed = seed, .hold_commits = true}};
    for (std::uint64_t tag = 0; tag < 20; ++tag) store.submit(put(tag));
    store.crash();
    return keys(store);
  };
  CHECK(run(5) == run(5));
  CHECK((run(5) != run(6) || run(6) != run(7)));
}

}  // namespace pawl
