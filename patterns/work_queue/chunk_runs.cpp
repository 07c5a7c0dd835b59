// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/chunk_runs.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace pawl {
namespace {

bool ends_at_or_before(const Run& run, std::uint32_t position) {
  return run.end() <= position;
}

bool joinable(const Run& left, const Run& right) {
  return left.end() == right.first && left.state == right.state && left.lease == right.lease &&
         !left.single && !right.single;
}

}  // namespace

std::uint32_t ChunkRuns::live() const {
  std::uint32_t total = 0;
  for (const std::uint32_t count : counts_) total += count;
  return total;
}

const Run* ChunkRuns::find(std::uint32_t position) const {
  const auto at = std::lower_bound(runs_.begin(), runs_.end(), position, ends_at_or_before);
  return at != runs_.end() && at->first <= position ? &*at : nullptr;
}

const Run* ChunkRuns::first_from(std::uint32_t position) const {
  const auto at = std::lower_bound(runs_.begin(), runs_.end(), position, ends_at_or_before);
  return at == runs_.end() ? nullptr : &*at;
}

const Run* ChunkRuns::first_in(RunState state) const {
  if (count(state) == 0) return nullptr;
  const auto at = std::find_if(runs_.begin(), runs_.end(),
                               [state](const Run& run) { return run.state == state; });
  PAWL_CHECK(at != runs_.end());
  return &*at;
}

void ChunkRuns::assign(const Run& run) {
  PAWL_CHECK(run.count > 0);
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
  join_around(from);
}

void ChunkRuns::erase(std::uint32_t first, std::uint32_t count) {
  if (count == 0) return;  // would cut a run in two that are one
  const std::size_t from = split_at(first);
  const std::size_t to = split_at(first + count);
  uncount(from, to);
  runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(from),
              runs_.begin() + static_cast<std::ptrdiff_t>(to));
}

std::size_t ChunkRuns::split_at(std::uint32_t position) {
  const auto at = std::lower_bound(runs_.begin(), runs_.end(), position, ends_at_or_before);
  const auto index = static_cast<std::size_t>(at - runs_.begin());
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
  }
}

}  // namespace pawl
