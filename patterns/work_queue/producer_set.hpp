// SPDX-License-Identifier: Apache-2.0
// What a log has accepted of one producer: a set, not a last number. 5 refused, 6 accepted, 5 sent
// again must not look like a duplicate (G5).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/protocol/messages.hpp"

namespace pawl {

struct ProducerSet {
  std::uint64_t epoch = 0;
  std::uint64_t floor = 1;  // every sequence below was answered
  std::vector<protocol::SequenceRange>
      ranges;  // accepted at or above the floor: sorted, not touching

  // Moves the floor up; ranges below it are forgotten. Never down.
  void raise_floor(std::uint64_t to);
  bool contains(std::uint64_t sequence) const;
  // The longest run from `first` of at most `length` that is wholly in the set, or wholly not in
  // it.
  struct Piece {
    std::uint64_t first = 0;
    std::uint64_t length = 0;
    bool known = false;
  };
  Piece piece(std::uint64_t first, std::uint64_t length) const;
  // False if it would open more than limits::dedup_ranges_max ranges; the set is unchanged then.
  bool insert(std::uint64_t first, std::uint64_t length);

  bool operator==(const ProducerSet&) const = default;
};

}  // namespace pawl
