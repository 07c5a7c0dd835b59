// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/producer_set.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/limits.hpp"

namespace pawl {
namespace {

using protocol::SequenceRange;

std::uint64_t end_of(const SequenceRange& range) {
  return range.first + range.length;
}

// The first range that ends after `sequence`.
auto first_after(const std::vector<SequenceRange>& ranges, std::uint64_t sequence) {
  return std::find_if(ranges.begin(), ranges.end(),
                      [sequence](const SequenceRange& range) { return end_of(range) > sequence; });
}

}  // namespace

void ProducerSet::raise_floor(std::uint64_t to) {
  if (to <= floor) return;
  floor = to;
  std::erase_if(ranges, [to](const SequenceRange& range) { return end_of(range) <= to; });
  if (!ranges.empty() && ranges.front().first < to) {
    ranges.front() = {to, end_of(ranges.front()) - to};
  }
}

bool ProducerSet::contains(std::uint64_t sequence) const {
  return piece(sequence, 1).known;
}

ProducerSet::Piece ProducerSet::piece(std::uint64_t first, std::uint64_t length) const {
  if (first < floor) return {first, std::min(length, floor - first), true};
  const auto range = first_after(ranges, first);
  if (range == ranges.end() || range->first >= first + length) return {first, length, false};
  if (range->first > first) return {first, range->first - first, false};
  return {first, std::min(length, end_of(*range) - first), true};
}

bool ProducerSet::insert(std::uint64_t first, std::uint64_t length) {
  PAWL_CHECK(first >= floor && length > 0);
  const std::uint64_t end = first + length;
  // Ranges that touch or overlap the new one become one with it.
  auto from = std::find_if(ranges.begin(), ranges.end(),
                           [first](const SequenceRange& range) { return end_of(range) >= first; });
  auto to = std::find_if(from, ranges.end(),
                         [end](const SequenceRange& range) { return range.first > end; });
  if (from == to) {
    if (ranges.size() >= limits::dedup_ranges_max) return false;
    ranges.insert(from, {first, length});
    return true;
  }
  const std::uint64_t begin = std::min(first, from->first);
  const std::uint64_t last = std::max(end, end_of(*(to - 1)));
  *from = {begin, last - begin};
  ranges.erase(from + 1, to);
  return true;
}

}  // namespace pawl
