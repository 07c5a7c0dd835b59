// SPDX-License-Identifier: Apache-2.0
// A set of sequences, as ranges. A pure value; whoever keeps one bounds it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/protocol/messages.hpp"

namespace pawl {

class SequenceRanges {
 public:
  void add(std::uint64_t first, std::uint64_t length);
  void remove(std::uint64_t first, std::uint64_t length);
  void clear() { ranges_.clear(); }
  void drop_lowest() { ranges_.erase(ranges_.begin()); }
  void drop_highest() { ranges_.pop_back(); }

  std::optional<std::uint64_t> lowest() const {
    return ranges_.empty() ? std::nullopt : std::optional(ranges_.front().first);
  }
  const std::vector<protocol::SequenceRange>& all() const { return ranges_; }

 private:
  std::vector<protocol::SequenceRange> ranges_;  // ascending, not touching
};

}  // namespace pawl
