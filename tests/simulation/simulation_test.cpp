// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/simulation/shrink.hpp"

using namespace pawl::testing;

namespace {

// How many times the default run: ./dev torture kills.
std::uint64_t torture_factor() {
  const char* given = std::getenv("PAWL_TORTURE");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

SimulationResult keeps_every_promise(std::uint64_t seed) {
  SimulationOptions options;
  options.seed = seed;
  options.check_every = 4;
  options.reload_every = 8;
  SimulationResult result = simulate(options);
  INFO("replay with: " << replay_command(options) << '\n' << result.trace);
  INFO(result.summary());
  REQUIRE(result.fault == "");
  return result;
}

// The first fault, of a few seeds, that the oracle sees of a mutation.
std::string first_fault(Mutation mutation, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.mutation = mutation;
    options.check_every = 0;  // the oracle is to see it
    const SimulationResult result = simulate(options);
    if (result.fault.empty()) continue;
    std::printf("%s: seed %llu: %s\n", name_of(mutation), static_cast<unsigned long long>(seed),
                result.fault.c_str());
    return result.fault;
  }
  return {};
}

}  // namespace

TEST_CASE("G1-G7 no promise is broken by faults of every kind: fixed seeds") {
  SimulationResult all;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) all.add(keeps_every_promise(seed));
  // A clean end cut the wait after a power loss short; what was kept was refused at the reserve.
  for (const std::uint64_t seed : {1'795'602'421'333U, 1'795'601'669'962U}) {
    all.add(keeps_every_promise(seed));
  }
  std::printf("%s\n", all.summary().c_str());
  CHECK(all.confirmed > 30'000);
  CHECK(all.processed_twice > 0);
  CHECK(all.dead > 100);
  CHECK(all.poisoned > 10);
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    INFO(name_of(static_cast<FaultKind>(i)));
    CHECK(all.faults[i] > 0);
  }
}

TEST_CASE("G1-G7 no promise is broken by faults of every kind: fresh seeds") {
  // PAWL_SIMULATION_SEED makes them the same again; the first is printed before it is run.
  const char* given = std::getenv("PAWL_SIMULATION_SEED");
  const std::uint64_t first =
      given != nullptr
          ? std::strtoull(given, nullptr, 10)
          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                       std::chrono::milliseconds(1));
  std::printf("seeds from %llu on\n", static_cast<unsigned long long>(first));
  std::fflush(stdout);
  for (std::uint64_t i = 0; i < 30 * torture_factor(); ++i) keeps_every_promise(first + i);
}

TEST_CASE("the same seed is the same run") {
  const SimulationResult first = simulate({.seed = 5});
  const SimulationResult second = simulate({.seed = 5});
  CHECK(first.trace == second.trace);
  CHECK(first.summary() == second.summary());
}

TEST_CASE("a run that fails is made short, and fails still") {
  SimulationOptions options;
  options.mutation = Mutation::confirm_before_sync;
  std::string fault;
  for (; fault.empty() && options.seed < 40; ++options.seed) fault = simulate(options).fault;
  --options.seed;
  REQUIRE(fault != "");
  const Shrunk shrunk = shrink(options, 100);
  const Plan plan = plan_of(options.seed);
  INFO(replay_command(shrunk.options, shrunk.kept) << '\n' << shrunk.result.trace);
  CHECK(shrunk.kept.faults.size() < plan.faults.size());
  CHECK(shrunk.kept.faults.size() <= 3);
  CHECK(shrunk.kept.peers.size() < plan.peers.size());
  CHECK(simulate(reduced(plan, shrunk.kept), shrunk.options).trace == shrunk.result.trace);
}

// Each takes away what a promise stands on; the oracle sees it, and names the promise.
TEST_CASE("G1 the oracle sees confirms that go out before the sync") {
  CHECK(first_fault(Mutation::confirm_before_sync, 20).substr(0, 2) == "G1");
}
TEST_CASE("G1 the oracle sees answers that go out before their commit is done") {
  CHECK(first_fault(Mutation::answer_before_commit, 40) != "");
}
TEST_CASE("G1 the oracle sees commits that are half there") {
  CHECK(first_fault(Mutation::torn_commits, 60) != "");
}
TEST_CASE("G1 the oracle sees a trim that takes one chunk too many") {
  CHECK(first_fault(Mutation::trim_one_more, 20).substr(0, 2) == "G1");
}
TEST_CASE("G4 the oracle sees that what was accepted later is handed out first") {
  CHECK(first_fault(Mutation::later_first, 20).substr(0, 2) == "G4");
}
TEST_CASE("G6 the oracle sees that what is settled stays in the store") {
  CHECK(first_fault(Mutation::keep_chunks, 20).substr(0, 2) == "G6");
}
TEST_CASE("G1 the oracle sees that what is moved out of a sparse chunk is lost") {
  CHECK(first_fault(Mutation::lose_evacuated, 100).substr(0, 2) == "G1");
}
TEST_CASE("G1 the oracle sees acks that are forgotten") {
  CHECK(first_fault(Mutation::forget_acks, 10) != "");
}
TEST_CASE("G1 the oracle sees what is given back and never handed out again") {
  CHECK(first_fault(Mutation::forget_requeue, 20) != "");
}
TEST_CASE("G1 the oracle sees leases that do not end when their worker dies") {
  CHECK(first_fault(Mutation::lease_never_ends, 20) != "");
}
TEST_CASE("G2 the oracle sees a hub that forgets who holds what") {
  CHECK(first_fault(Mutation::forget_leases, 200) != "");
}
TEST_CASE("G2 the oracle sees leases that end before their workers' belief does") {
  CHECK(first_fault(Mutation::lease_ends_early, 400).substr(0, 2) == "G2");
}
TEST_CASE("G2 the oracle sees workers that believe in their leases for longer than the hub") {
  CHECK(first_fault(Mutation::believe_longer, 400).substr(0, 2) == "G2");
}
TEST_CASE("G2 the oracle sees sessions that are called resumed and are not") {
  CHECK(first_fault(Mutation::resumed_always, 200) != "");
}
TEST_CASE("G3 the oracle sees failures that a restart forgets") {
  CHECK(first_fault(Mutation::forget_failures, 60).substr(0, 2) == "G3");
}
TEST_CASE("G3 the oracle sees one attempt too many") {
  CHECK(first_fault(Mutation::one_attempt_more, 10).substr(0, 2) == "G3");
}
TEST_CASE("G3 the oracle sees that what failed is tried again at once") {
  CHECK(first_fault(Mutation::no_backoff, 10).substr(0, 2) == "G3");
}
TEST_CASE("G3 the oracle sees a nack that counts as an ack") {
  CHECK(first_fault(Mutation::nack_is_ack, 10) != "");
}
TEST_CASE("G5 the oracle sees a hub that forgets what producers have sent") {
  CHECK(first_fault(Mutation::forget_producers, 30).substr(0, 2) == "G5");
}
TEST_CASE("G5 the oracle sees duplicates told by the last sequence alone") {
  CHECK(first_fault(Mutation::last_sequence_only, 200) != "");
}
TEST_CASE("G7 the oracle sees messages that do not arrive among the dead letters") {
  CHECK(first_fault(Mutation::half_a_move, 200) != "");
}
