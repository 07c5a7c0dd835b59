// SPDX-License-Identifier: Apache-2.0
// Sequences that a named producer chose and no hub has kept: refused, or skipped. The floor it
// tells stays at or below the lowest of them, so that its next life finds them missing and can send
// them (G1). A pure value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/protocol/messages.hpp"

namespace pawl::peer {

class SequenceHoles {
 public:
  // Half of the ranges that a hub keeps of one producer (limits::dedup_ranges_max): what is in
  // flight needs the rest. Beyond it the lowest hole is given up.
  static constexpr std::size_t ranges_max = 32;

  void add(std::uint64_t first, std::uint64_t length);
  void remove(std::uint64_t first, std::uint64_t length);
  void clear() { ranges_.clear(); }
  std::optional<std::uint64_t> lowest() const {
    return ranges_.empty() ? std::nullopt : std::optional(ranges_.front().first);
  }
  const std::vector<protocol::SequenceRange>& all() const { return ranges_; }

 private:
  std::vector<protocol::SequenceRange> ranges_;  // ascending, not touching
};

}  // namespace pawl::peer
