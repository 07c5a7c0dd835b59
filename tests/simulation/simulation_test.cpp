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

// Of so many seeds one in which the oracle names the promise, and says these words of the rule that
// the mutation is aimed at. What another rule has seen first does not count.
bool is_seen(Mutation mutation, std::uint64_t seeds, const std::string& promise,
             const std::string& words) {
  std::uint64_t others = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.mutation = mutation;
    options.check_every = 0;  // the oracle is to see it
    const SimulationResult result = simulate(options);
    const bool is_it =
        result.fault.rfind(promise + ' ', 0) == 0 && result.fault.find(words) != std::string::npos;
    if (!is_it) {
      if (!result.fault.empty() && others++ == 0) UNSCOPED_INFO(seed << ": " << result.fault);
      continue;
    }
    std::printf("%s: seed %llu, after %llu that other rules had seen: %s\n", name_of(mutation),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(others),
                result.fault.c_str());
    return true;
  }
  return false;
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
  CHECK(all.deaf_turns > 0);
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

// Each takes away what a promise stands on; the oracle names the promise, and says how it was
// broken.
TEST_CASE("G1 the oracle sees confirms that go out before the sync") {
  CHECK(is_seen(Mutation::confirm_before_sync, 20, "G1", "at offset"));
}
TEST_CASE("G1 the oracle sees confirms that go out before their commit is done") {
  CHECK(is_seen(Mutation::answer_before_commit, 40, "G1", "at offset"));
}
TEST_CASE("G1 the oracle sees acks that are answered before their commit is done") {
  CHECK(is_seen(Mutation::settled_before_commit, 20, "G1", "is handed out again"));
}
TEST_CASE("G1 the oracle sees commits that are half there") {
  CHECK(is_seen(Mutation::torn_commits, 60, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees a trim that takes one chunk too many") {
  CHECK(is_seen(Mutation::trim_one_more, 20, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees that what is moved out of a sparse chunk is lost") {
  CHECK(is_seen(Mutation::lose_evacuated, 20, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees messages that do not arrive among the dead letters") {
  CHECK(is_seen(Mutation::half_a_move, 20, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees acks that are answered and forgotten") {
  CHECK(is_seen(Mutation::forget_acks, 10, "G1", "is handed out again"));
}
TEST_CASE("G1 the oracle sees acks that are answered and count as given back") {
  CHECK(is_seen(Mutation::acks_come_back, 10, "G1", "is handed out again"));
}
TEST_CASE("G1 the oracle sees what is given back and never handed out again") {
  CHECK(is_seen(Mutation::forget_give_back, 20, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees what a dead worker held and nobody is handed again") {
  CHECK(is_seen(Mutation::lease_never_ends, 20, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees a nack that counts as an ack") {
  CHECK(is_seen(Mutation::nack_is_ack, 10, "G1", "neither processed nor found dead"));
}
TEST_CASE("G1 the oracle sees duplicates told by the last sequence alone") {
  CHECK(is_seen(Mutation::last_sequence_only, 40, "G1", "neither processed nor found dead"));
}
TEST_CASE("G2 the oracle sees a hub that forgets who holds what") {
  CHECK(is_seen(Mutation::forget_leases, 60, "G2", "is held by two"));
}
TEST_CASE("G2 the oracle sees leases that end before their workers' belief does") {
  CHECK(is_seen(Mutation::lease_ends_early, 60, "G2", "is held by two"));
}
TEST_CASE("G2 the oracle sees workers that believe in their leases for longer than the hub") {
  CHECK(is_seen(Mutation::believe_longer, 60, "G2", "is held by two"));
}
TEST_CASE("G2 the oracle sees sessions that are called resumed and are not") {
  CHECK(is_seen(Mutation::resumed_always, 60, "G2", "is held by two"));
}
TEST_CASE("G2 the oracle sees leases without a margin for workers whose clocks are slow") {
  CHECK(is_seen(Mutation::no_margin, 200, "G2", "is held by two"));
}
TEST_CASE("G2 the oracle sees that what is said too late is answered as done") {
  CHECK(is_seen(Mutation::late_is_done, 20, "G2", "was answered as done"));
}
TEST_CASE("G3 the oracle sees failures that a restart forgets") {
  CHECK(is_seen(Mutation::forget_failures, 60, "G3", "after attempt"));
}
TEST_CASE("G3 the oracle sees one attempt too many") {
  CHECK(is_seen(Mutation::one_attempt_more, 10, "G3", "is handed out as attempt"));
}
TEST_CASE("G3 the oracle sees that what failed is tried again at once") {
  CHECK(is_seen(Mutation::no_backoff, 10, "G3", "is tried again after"));
}
TEST_CASE("G3 the oracle sees that what failed is not tried again in time") {
  CHECK(is_seen(Mutation::long_backoff, 10, "G1", "neither processed nor found dead"));
}
TEST_CASE("G4 the oracle sees that what was accepted later is handed out first") {
  CHECK(is_seen(Mutation::later_first, 20, "G4", "after what was accepted later"));
}
TEST_CASE("G5 the oracle sees a hub that forgets what producers have sent") {
  CHECK(is_seen(Mutation::forget_producers, 30, "G5", "is kept twice"));
}
TEST_CASE("G6 the oracle sees that what is settled stays in the store") {
  CHECK(is_seen(Mutation::keep_chunks, 20, "G6", "still holds"));
}
TEST_CASE("G6 the oracle sees a queue that takes more than it may hold") {
  CHECK(is_seen(Mutation::takes_too_many, 60, "G6", "are the most"));
}
TEST_CASE("G7 the oracle sees a hub that counts wrong") {
  CHECK(is_seen(Mutation::count_one_dead, 10, "G7", "the hub has counted"));
}
