// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <optional>
#include <vector>

#include "core/random.hpp"
#include "patterns/work_queue/chunk_runs.hpp"

using namespace pawl;

namespace {

struct Cell {
  RunState state = RunState::ready;
  bool single = false;
  std::uint64_t lease = 0;
  bool operator==(const Cell&) const = default;
};

constexpr std::uint32_t size = 40;
using Model = std::vector<std::optional<Cell>>;

Run random_run(Random& random, Model& model) {
  Run run;
  run.first = static_cast<std::uint32_t>(random.below(size));
  run.count = 1 + static_cast<std::uint32_t>(random.below(size - run.first));
  run.state = static_cast<RunState>(1 + random.below(5));
  run.single = random.below(4) == 0;
  if (run.single) run.count = 1;
  if (run.state == RunState::leased) run.lease = 1 + random.below(3);
  for (std::uint32_t i = run.first; i < run.end(); ++i)
    model[i] = {run.state, run.single, run.lease};
  return run;
}

// Runs say of each position what the model says, are sorted, and none could be joined to the next.
void compare(ChunkRuns& runs, const Model& model) {
  std::array<std::uint32_t, 6> counts{};
  const Run* before = nullptr;
  std::uint32_t covered = 0;
  for (const Run& run : runs.all()) {
    if (before != nullptr) {
      REQUIRE(run.first >= before->end());
      const bool could_join = run.first == before->end() && run.state == before->state &&
                              run.lease == before->lease && !run.single && !before->single;
      REQUIRE_FALSE(could_join);
    }
    covered += run.count;
    before = &run;
  }
  std::uint32_t live = 0;
  for (std::uint32_t at = 0; at < model.size(); ++at) {
    const Run* run = runs.find(at);
    const bool same =
        run == nullptr ? !model[at] : Cell{run->state, run->single, run->lease} == model[at];
    if (!same) FAIL("another state at " << at);
    if (run == nullptr) continue;
    ++counts[static_cast<std::size_t>(run->state)];
    ++live;
  }
  REQUIRE(live == covered);
  REQUIRE(runs.live() == live);
  for (std::size_t state = 1; state < counts.size(); ++state) {
    REQUIRE(runs.count(static_cast<RunState>(state)) == counts[state]);
  }
  const Run* ready = runs.first_ready();
  REQUIRE((ready != nullptr) == (counts[static_cast<std::size_t>(RunState::ready)] > 0));
  for (std::uint32_t at = 0; ready != nullptr && at < ready->first; ++at) {
    REQUIRE_FALSE((model[at] && model[at]->state == RunState::ready));
  }
  REQUIRE(runs.empty() == (live == 0));
}

}  // namespace

TEST_CASE("chunk runs say of each message what a plain array would say") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    ChunkRuns runs;
    Model model(size);
    for (int i = 0; i < 150; ++i) {
      if (random.below(3) == 0) {
        const auto first = static_cast<std::uint32_t>(random.below(size));
        const auto count = static_cast<std::uint32_t>(random.below(size - first + 1));
        runs.erase(first, count);
        for (std::uint32_t at = first; at < first + count; ++at) model[at].reset();
      } else {
        runs.assign(random_run(random, model));
      }
      compare(runs, model);
    }
  }
}

TEST_CASE("an untouched chunk is one run, and acked whole it is none") {
  ChunkRuns runs;
  runs.assign({0, 4096, RunState::leased, false, 7});
  CHECK(runs.all().size() == 1);
  runs.erase(0, 4096);
  CHECK(runs.empty());
}

TEST_CASE("messages with a record of their own are never joined") {
  ChunkRuns runs;
  for (std::uint32_t at = 0; at < 3; ++at) runs.assign({at, 1, RunState::ready, true, 0});
  CHECK(runs.all().size() == 3);
  runs.assign({1, 1, RunState::ready, false, 0});
  CHECK(runs.all().size() == 3);
}
