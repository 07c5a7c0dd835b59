// SPDX-License-Identifier: Apache-2.0
// What is remembered of a message that something went wrong with. Only such messages have a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/time.hpp"
#include "patterns/work_queue/failure_history.hpp"

namespace pawl {

struct FailingMessage {
  std::uint32_t failures = 0;  // count towards max_attempts (G3)
  std::uint32_t deaths = 0;    // of those: died alone with it
  std::uint32_t handouts = 0;  // deaths and delayed returns; count towards handouts_max
  bool suspect = false;        // was among the first `slots` of a session that died
  HubTime due;                 // when delayed: not before
  FailureHistory history;      // the last limits::history_max
  std::uint64_t history_dropped = 0;

  // A message with a counted death, or under suspicion, is handed out alone.
  bool must_be_alone() const { return suspect || deaths > 0; }
  // About what it takes in memory, for the bound on a group's failing messages (G6).
  std::size_t bytes() const;
  // As new; the history keeps some of its memory.
  void reset();
  void add(HubTime at, FailureKind kind, std::string_view worker, std::string_view reason);
  bool operator==(const FailingMessage&) const = default;
};

}  // namespace pawl
