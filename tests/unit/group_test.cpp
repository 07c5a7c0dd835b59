// SPDX-License-Identifier: Apache-2.0
// G2: who holds what of a log, where a hub's transcript would be too slow or too coarse.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>

#include "core/chunk/chunk.hpp"
#include "patterns/work_queue/group.hpp"

using namespace pawl;

namespace {

constexpr std::uint32_t chunk_count = 4096;
constexpr SessionId session = 1;
const ChunkRef chunk{.offset = 0, .count = chunk_count, .chunk_id = 1, .bytes = 1, .stored_at = {}};

// Every message of the chunk under a lease of its own: lease n + 1 holds message n.
Group of_leases_of_one() {
  Group group(1);
  for (std::uint32_t i = 0; i < chunk_count; ++i) group.lease(chunk, i, 1, {i + 1, session, 1});
  return group;
}

// Of the fastest of many rounds, so that what else the machine does is left out.
template <class Act>
std::chrono::nanoseconds time_of(Act act) {
  using Clock = std::chrono::steady_clock;
  auto least = std::chrono::nanoseconds::max();
  for (int round = 0; round < 20; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < 100; ++i) act();
    least = std::min<std::chrono::nanoseconds>(least, Clock::now() - begin);
  }
  return least;
}

}  // namespace

TEST_CASE("what a lease holds is found without a walk over what others hold") {
  Group group = of_leases_of_one();
  std::uint64_t sum = 0;
  const auto first = time_of([&] { sum += group.first_held(1); });
  const auto last = time_of([&] { sum += group.first_held(chunk_count); });
  CHECK(sum == 20 * 100 * (chunk_count - 1));
  CHECK(last < 20 * first);  // a walk over the runs before it takes several hundred times as long
}

TEST_CASE("all of a lease that was handed out in many parts is found again, and nothing else") {
  Group group(1);
  for (std::uint32_t i = 0; i < 32; ++i) group.lease(chunk, i, 1, {1 + i % 2, session, 1});
  group.lease(chunk, 32, 8, {1, session, 1});
  group.lease(chunk, 40, 8, {1, session, 1});  // one run with those before it
  group.check_invariants();
  group.release_except(1, std::vector<protocol::Range>{{0, 10, 23}, {0, 39, 2}});
  group.check_invariants();
  CHECK(group.held_under(1) == 11 + 1 + 2);
  CHECK(group.first_held(1) == 10);
  CHECK(group.first_held(2) == 1);
  group.release(1);
  group.check_invariants();
  CHECK(group.held_under(1) == 0);
  CHECK(group.held_under(2) == 16);
  CHECK(group.count(RunState::ready) == 32);
}

TEST_CASE("a lease is found in the chunks that its sparse one was emptied into") {
  Group group(1);
  group.lease(chunk, 0, chunk_count, {1, session, 1});
  Random random(1);
  const QueuePolicy policy;
  const Group::Judge judge{policy, {}, "worker", random};
  std::vector<protocol::Settled::Exception> exceptions;
  // Every fourth message is left.
  for (std::uint64_t at = 0; at < chunk_count; at += 4) {
    group.settle(session, {protocol::Verb::ack, 1, 0, at, 3, {}, ""}, judge, exceptions);
  }
  REQUIRE(group.sparse().count(0) == 1);
  ChunkBuilder builder;
  for (std::uint32_t i = 0; i < chunk_count; ++i) builder.append({}, {});
  Commit commit;
  std::uint64_t next_chunk_id = 2;
  group.evacuate(0, builder.take(), next_chunk_id, commit);
  group.check_invariants();
  CHECK(next_chunk_id == 2 + chunk_count / 4);
  CHECK(group.first_held(1) == 3);
  group.settle(session, {protocol::Verb::ack, 1, 0, 0, 2048, {}, ""}, judge, exceptions);
  group.check_invariants();
  CHECK(group.first_held(1) == 2051);
  group.release(1);
  group.check_invariants();
  CHECK(group.count(RunState::ready) == chunk_count / 8);
}
