// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/callbacks.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "patterns/peer/clock.hpp"
#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::peer;
using namespace pawl::testing;

TEST_CASE("shutting the gate waits for a callback that runs already") {
  ThreadExecutor executor;
  const auto gate = std::make_shared<CallbackGate>();
  Latch begun, let_go;
  std::atomic<bool> ended = false;
  gate->post(executor, [&] {
    begun.open();
    let_go.wait();
    ended = true;
  });
  REQUIRE(begun.wait());
  bool ended_before = false;
  std::thread closer([&] {
    gate->shut(read_clock() + 10s);
    ended_before = ended;
  });
  Latch().wait(50ms);  // shut() has begun, on all but the busiest machine
  let_go.open();
  closer.join();
  CHECK(ended_before);
}

TEST_CASE("shutting the gate waits no longer than its deadline") {
  ThreadExecutor executor;
  const auto gate = std::make_shared<CallbackGate>();
  Latch begun, let_go;
  std::atomic<bool> second = false;
  gate->post(executor, [&] {
    begun.open();
    let_go.wait();
  });
  gate->post(executor, [&] { second = true; });
  REQUIRE(begun.wait());
  CHECK(gate->shut(read_clock() + 50ms) == 1);
  let_go.open();
  Latch last;
  executor.post([&] { last.open(); });
  REQUIRE(last.wait());
  CHECK_FALSE(second);
}

TEST_CASE("a callback that shuts the gate waits neither for itself nor for what stands behind it") {
  ThreadExecutor executor;
  const auto gate = std::make_shared<CallbackGate>();
  Latch posted, shut;
  std::uint64_t dropped = 0;
  const auto before = std::chrono::steady_clock::now();
  gate->post(executor, [&] {
    posted.wait();
    dropped = gate->shut(read_clock() + 10s);
    shut.open();
  });
  gate->post(executor, [] {});
  posted.open();
  REQUIRE(shut.wait(20s));
  CHECK(std::chrono::steady_clock::now() - before < 5s);
  CHECK(dropped == 1);
}
