// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/simulation/simulation.hpp"

using namespace pawl::testing;

namespace {

void keeps_every_promise(std::uint64_t seed) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  const SimulationResult result = simulate({.seed = seed});
  INFO("replay with: pawl_simulation --seed " << seed << " --verbose\n" << result.trace);
  INFO(result.summary());
  REQUIRE(result.fault == "");
  CHECK(result.confirmed > 100);
}

// The first seed, of a few, under which the oracle sees what the mutation breaks.
std::string first_fault(Mutation mutation, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const SimulationResult result = simulate({.seed = seed, .mutation = mutation});
    if (!result.fault.empty()) return result.fault;
  }
  return {};
}

}  // namespace

TEST_CASE(
    "G1-G5 no promise is broken by deaths, power cuts, stalls and lost connections: fixed seeds") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) keeps_every_promise(seed);
  keeps_every_promise(1'801'215);  // an undertaker that dies three times over one dead letter
}

TEST_CASE(
    "G1-G5 no promise is broken by deaths, power cuts, stalls and lost connections: fresh seeds") {
  // PAWL_SIMULATION_SEED makes them the same again; each is printed before it is run.
  const char* given = std::getenv("PAWL_SIMULATION_SEED");
  const std::uint64_t first =
      given != nullptr
          ? std::strtoull(given, nullptr, 10)
          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                       std::chrono::milliseconds(1));
  for (std::uint64_t i = 0; i < 8; ++i) keeps_every_promise(first + i);
}

TEST_CASE("the same seed is the same run") {
  const SimulationResult first = simulate({.seed = 5});
  const SimulationResult second = simulate({.seed = 5});
  CHECK(first.trace == second.trace);
  CHECK(first.summary() == second.summary());
}

TEST_CASE("every kind of fault happens in the fixed seeds") {
  SimulationResult all;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const SimulationResult one = simulate({.seed = seed});
    all.kills += one.kills;
    all.power_cuts += one.power_cuts;
    all.failed_commits += one.failed_commits;
    all.stalls += one.stalls;
    all.cuts += one.cuts;
    all.worker_deaths += one.worker_deaths;
    all.producer_deaths += one.producer_deaths;
    all.processed_twice += one.processed_twice;
    all.dead += one.dead;
  }
  CHECK(all.kills > 5);
  CHECK(all.power_cuts > 2);
  CHECK(all.failed_commits > 2);
  CHECK(all.stalls > 5);
  CHECK(all.cuts > 5);
  CHECK(all.worker_deaths > 10);
  CHECK(all.producer_deaths > 5);
  CHECK(all.processed_twice > 0);
  CHECK(all.dead > 10);
}

TEST_CASE("G1 the oracle sees a store that does not sync") {
  CHECK(first_fault(Mutation::no_sync, 20).substr(0, 2) == "G1");
}

TEST_CASE("G1 the oracle sees answers that go out before their commit is done") {
  CHECK(first_fault(Mutation::answer_at_once, 20) != "");
}

TEST_CASE("G5 the oracle sees a hub that forgets what producers have sent") {
  CHECK(first_fault(Mutation::forget_producers, 20).substr(0, 2) == "G5");
}

TEST_CASE("G2 the oracle sees a hub that forgets who holds what") {
  CHECK(first_fault(Mutation::forget_leases, 20) != "");
}

TEST_CASE("G2 the oracle sees workers that believe in their leases for longer than the hub") {
  CHECK(first_fault(Mutation::believe_longer, 40).substr(0, 2) == "G2");
}
