// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/chunk_runs.hpp"

#include <algorithm>
#include <array>

#include "core/check.hpp"
#include "core/find_near.hpp"

namespace pawl {
namespace {

bool joinable(const Run& left, const Run& right) {
  return left.end() == right.first && left.state == right.state && left.lease == right.lease &&
         !left.single && !right.single;
}

}  // namespace

// One change asks several times for the same place, and settles come in order.
std::size_t ChunkRuns::index_from(std::uint32_t position) const {
  return find_near(runs_, found_, [position](const Run& run) { return run.end() <= position; });
}

const Run* ChunkRuns::find(std::uint32_t position) const {
  const Run* at = first_from(position);
  return at != nullptr && at->first <= position ? at : nullptr;
}

const Run* ChunkRuns::first_from(std::uint32_t position) const {
  const std::size_t at = index_from(position);
  return at == runs_.size() ? nullptr : &runs_[at];
}

const Run* ChunkRuns::first_ready() {
  if (count(RunState::ready) == 0) return nullptr;
  std::size_t at = index_from(ready_from_);
  while (at < runs_.size() && runs_[at].state != RunState::ready) ++at;
  PAWL_CHECK(at < runs_.size());
  ready_from_ = runs_[at].first;
  return &runs_[at];
}

void ChunkRuns::assign(const Run& run, std::size_t at) {
  PAWL_CHECK(run.count > 0);
  if (run.state == RunState::ready) ready_from_ = std::min(ready_from_, run.first);
  if (at < runs_.size() && assign_within(at, run)) return;
  const std::size_t from = split_at(run.first);
  const std::size_t to = split_at(run.end());
  uncount(from, to);
  const auto begin = runs_.begin() + static_cast<std::ptrdiff_t>(from);
  if (from == to) {
    runs_.insert(begin, run);
  } else {
    *begin = run;
    runs_.erase(begin + 1, runs_.begin() + static_cast<std::ptrdiff_t>(to));
  }
  counts_[static_cast<std::size_t>(run.state)] += run.count;
  live_ += run.count;
  join_around(from);
}

// What mostly happens: a part of one run, or all of it, changes. False: it is not within that one.
bool ChunkRuns::assign_within(std::size_t index, const Run& run) {
  Run& old = runs_[index];
  if (old.first > run.first || old.end() < run.end()) return false;
  counts_[static_cast<std::size_t>(old.state)] -= run.count;
  counts_[static_cast<std::size_t>(run.state)] += run.count;
  std::array<Run, 3> pieces;
  std::size_t count = 0, place = 0;
  const auto add = [&](std::uint32_t first, std::uint32_t end) {
    if (first == end) return;
    pieces[count] = old;
    pieces[count].first = first;
    pieces[count++].count = end - first;
  };
  add(old.first, run.first);
  place = count;
  pieces[count++] = run;
  add(run.end(), old.end());
  old = pieces[0];
  runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1, pieces.begin() + 1,
               pieces.begin() + static_cast<std::ptrdiff_t>(count));
  if (!run.single) join_around(index + place);
  return true;
}

void ChunkRuns::erase(std::uint32_t first, std::uint32_t count, std::size_t at) {
  if (count == 0) return;  // would cut a run in two that are one
  const std::uint32_t end = first + count;
  if (at < runs_.size() && runs_[at].first == first && runs_[at].end() >= end) {
    Run& run = runs_[at];  // one, or the front of one
    counts_[static_cast<std::size_t>(run.state)] -= count;
    live_ -= count;
    run.first += count;
    run.count -= count;
    if (run.count == 0) runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  const std::size_t from = split_at(first);
  const std::size_t to = split_at(end);
  uncount(from, to);
  runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(from),
              runs_.begin() + static_cast<std::ptrdiff_t>(to));
}

std::size_t ChunkRuns::split_at(std::uint32_t position) {
  const std::size_t index = index_from(position);
  const auto at = runs_.begin() + static_cast<std::ptrdiff_t>(index);
  if (at == runs_.end() || at->first >= position) return index;
  Run right = *at;
  right.first = position;
  right.count = at->end() - position;
  at->count = position - at->first;
  runs_.insert(at + 1, right);
  return index + 1;
}

void ChunkRuns::join_around(std::size_t index) {
  if (index + 1 < runs_.size() && joinable(runs_[index], runs_[index + 1])) {
    runs_[index].count += runs_[index + 1].count;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1);
  }
  if (index > 0 && joinable(runs_[index - 1], runs_[index])) {
    runs_[index - 1].count += runs_[index].count;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
  }
}

void ChunkRuns::uncount(std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    counts_[static_cast<std::size_t>(runs_[i].state)] -= runs_[i].count;
    live_ -= runs_[i].count;
  }
}

}  // namespace pawl
