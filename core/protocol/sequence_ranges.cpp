// SPDX-License-Identifier: Apache-2.0
#include "core/protocol/sequence_ranges.hpp"

#include <algorithm>

namespace pawl {

void SequenceRanges::add(std::uint64_t first, std::uint64_t length) {
  if (length == 0) return;
  std::uint64_t end = first + length;
  std::vector<protocol::SequenceRange> after;
  for (const auto& range : ranges_) {
    if (range.first + range.length < first || range.first > end) {
      after.push_back(range);
      continue;
    }
    first = std::min(first, range.first);
    end = std::max(end, range.first + range.length);
  }
  const auto at = std::find_if(after.begin(), after.end(),
                               [first](const auto& range) { return range.first > first; });
  after.insert(at, {first, end - first});
  ranges_ = std::move(after);
}

void SequenceRanges::remove(std::uint64_t first, std::uint64_t length) {
  const std::uint64_t end = first + length;
  if (ranges_.empty() || ranges_.front().first >= end) return;
  std::vector<protocol::SequenceRange> after;
  for (const auto& range : ranges_) {
    const std::uint64_t range_end = range.first + range.length;
    if (range.first < std::min(first, range_end)) {
      after.push_back({range.first, std::min(first, range_end) - range.first});
    }
    const std::uint64_t rest = std::max(end, range.first);
    if (rest < range_end) after.push_back({rest, range_end - rest});
  }
  ranges_ = std::move(after);
}

}  // namespace pawl
