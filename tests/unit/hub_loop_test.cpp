// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <deque>

#include "core/protocol/codec.hpp"
#include "patterns/hub/hub_loop.hpp"
#include "patterns/testing/faulty_store.hpp"

using namespace pawl;
using namespace pawl::testing;
using namespace std::chrono_literals;

namespace {

class LoopTester {
 public:
  explicit LoopTester(std::size_t staged_bytes_max) : loop(staged_bytes_max) {
    loop.start(std::move(*HubMachine::recover({}, store, entropy, "boot", now)), store);
    store.hold_commits(true);
  }

  // Its queue, which is new with the first, needs a commit.
  void worker(const std::string& connection) {
    hello(connection);
    protocol::Open open;
    open.handle = 1;
    open.name = "orders";
    open.role = protocol::Role::worker;
    inbox.push_back({connection, {protocol::encode(open), {}}});
  }

  void hello(const std::string& connection) {
    protocol::Hello hello;
    hello.versions = {1};
    hello.peer = connection;
    inbox.push_back({connection, {protocol::encode(hello), {}}});
  }

  std::optional<Turn::Failure> turn() {
    out.clear();
    loop.drain(now, [this](RoutedMessage& into) {
      if (inbox.empty()) return false;
      into = std::move(inbox.front());
      inbox.pop_front();
      return true;
    });
    return loop.turn(now, out);
  }

  // As a shell does that wakes up now and then.
  void pass(Duration by) {
    for (Duration passed{}; passed < by; passed += 100ms) {
      loop.time_to_sleep(now);
      now.mono += 100ms;
      now.hub = now.hub + 100ms;
      turn();
    }
  }

  std::string commands() const {
    std::string text;
    for (const RoutedMessage& message : out) {
      const auto decoded = protocol::decode(message.message.header);
      if (std::holds_alternative<protocol::Welcome>(*decoded)) text += "WELCOME ";
      if (std::holds_alternative<protocol::Opened>(*decoded)) text += "OPENED ";
      if (std::holds_alternative<protocol::GoAway>(*decoded)) text += "GOAWAY ";
    }
    return text;
  }

  FaultyStore store;
  SeededEntropy entropy{1};
  Now now{Instant{1s}, HubTime{1'700'000'000'000'000}};
  HubLoop loop;
  std::deque<RoutedMessage> inbox;
  std::vector<RoutedMessage> out;
};

constexpr std::size_t full_with_any = 1;

}  // namespace

TEST_CASE("nobody is silent for a hub that does not read, because its next commit is full") {
  const bool is_deaf = GENERATE(true, false);
  LoopTester hub(is_deaf ? full_with_any : Turn::staged_bytes_max);
  hub.worker("a");
  while (!hub.loop.commit_under_way()) hub.turn();
  hub.worker("b");
  hub.turn();
  CHECK(hub.loop.reads() == !is_deaf);
  CHECK(hub.loop.machine().session_count() == 2);
  const HubTiming timing;
  hub.pass(timing.lease + timing.margin + 3s);
  CHECK(hub.loop.machine().session_count() == (is_deaf ? 2 : 0));
}

TEST_CASE("a hub whose store failed says so, and nothing of what waited for the commit") {
  LoopTester hub(Turn::staged_bytes_max);
  hub.worker("a");
  hub.turn();
  hub.store.fail_next_commit();
  hub.store.complete_all();
  const auto failure = hub.turn();
  REQUIRE(failure);
  hub.loop.give_up(*failure, hub.out);
  CHECK(hub.commands() == "GOAWAY ");
  CHECK_FALSE(hub.loop.is_started());
}

TEST_CASE("a hub whose sync failed ends without a word") {
  LoopTester hub(Turn::staged_bytes_max);
  hub.worker("a");
  hub.turn();
  hub.store.fail_next_commit(true);
  hub.store.complete_all();
  const auto failure = hub.turn();
  REQUIRE(failure);
  CHECK(failure->must_end);
  hub.loop.give_up(*failure, hub.out);
  CHECK(hub.commands().empty());
}

TEST_CASE("a hub that is stopped answers what it has taken in, and says goodbye") {
  LoopTester hub(Turn::staged_bytes_max);
  hub.worker("a");
  hub.turn();
  hub.out.clear();
  REQUIRE(hub.loop.say_goodbye(hub.now, hub.out));
  CHECK(hub.commands() == "WELCOME OPENED GOAWAY ");
  hub.loop.write_clean_end(hub.now);
  CHECK(hub.store.commits_held() == 0);
}

TEST_CASE("a hub sleeps for ever only when it knows nobody, and not at all with input left") {
  LoopTester hub(Turn::staged_bytes_max);
  hub.store.hold_commits(false);
  hub.turn();
  hub.pass(3s);
  CHECK(hub.loop.time_to_sleep(hub.now) == Duration::max());
  for (int i = 0; i <= HubLoop::drain_messages_max; ++i) hub.hello("p" + std::to_string(i));
  hub.turn();
  CHECK(hub.inbox.size() == 1);
  CHECK_FALSE(hub.loop.time_to_sleep(hub.now));
  hub.turn();
  const auto sleep = hub.loop.time_to_sleep(hub.now);
  REQUIRE(sleep);
  CHECK(*sleep < HubTiming{}.lease);
}
