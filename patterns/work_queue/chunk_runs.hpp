// SPDX-License-Identifier: Apache-2.0
// The live messages of one chunk, as runs of one state. What stands in no run is settled (or, past
// the scan, fresh): an untouched chunk handed out whole and acked whole is one run, then none.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace pawl {

// ready    came back, may be handed out
// leased   with a session
// delayed  waits for its due time (retry)
// suspect  ready, but only for a session that holds nothing else
// dying    waits to be moved to the dead letters
enum class RunState : std::uint8_t { ready = 1, leased = 2, delayed = 3, suspect = 4, dying = 5 };

struct Run {
  std::uint32_t first = 0;  // position within the chunk
  std::uint32_t count = 0;
  RunState state = RunState::ready;
  bool single = false;      // one message with a failure record of its own: never joined to others
  std::uint64_t lease = 0;  // of state leased; else 0

  std::uint32_t end() const { return first + count; }
  bool operator==(const Run&) const = default;
};

// Invariants: sorted, disjoint, counts ≥ 1, neighbours that could be one run are one run.
class ChunkRuns {
 public:
  const std::vector<Run>& all() const { return runs_; }
  bool empty() const { return runs_.empty(); }
  std::uint32_t count(RunState state) const { return counts_[static_cast<std::size_t>(state)]; }
  std::uint32_t live() const { return live_; }

  // The run that holds `position`, or null.
  const Run* find(std::uint32_t position) const;
  // The first run that ends after `position`, or null.
  const Run* first_from(std::uint32_t position) const;
  // The first ready run, or null. Does not walk over what it has walked over before.
  const Run* first_ready();

  // Index in all() of the first run that ends after `position`, or its size.
  std::size_t index_from(std::uint32_t position) const;

  // Puts [run.first, run.end()) into run's state, whatever stood there. `at` is
  // index_from(run.first), for who has it already.
  void assign(const Run& run) { assign(run, index_from(run.first)); }
  void assign(const Run& run, std::size_t at);
  // Settles [first, first + count).
  void erase(std::uint32_t first, std::uint32_t count) { erase(first, count, index_from(first)); }
  void erase(std::uint32_t first, std::uint32_t count, std::size_t at);

 private:
  // Index of the first run at or after `position`, after cutting a run that straddles it.
  std::size_t split_at(std::uint32_t position);
  bool assign_within(std::size_t index, const Run& run);
  void join_around(std::size_t index);
  void uncount(std::size_t from, std::size_t to);

  std::vector<Run> runs_;
  std::array<std::uint32_t, 6> counts_{};
  std::uint32_t live_ = 0;         // their sum
  std::uint32_t ready_from_ = 0;   // no ready run ends at or before it
  mutable std::size_t found_ = 0;  // what index_from() said last: the next is near
};

}  // namespace pawl
