// SPDX-License-Identifier: Apache-2.0
// How a queue behaves. Value types: copy, compare, keep. Every member has its default here and
// nowhere else; pawl-queue's configuration file has the same names.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace pawl {

// The delay before a failed message is tried again: initial × factor^(failures − 1), at most `max`,
// then spread evenly over ± jitter (G3).
struct Backoff {
  std::chrono::milliseconds initial{1000};
  double factor = 2.0;  // ≥ 1
  std::chrono::milliseconds max{std::chrono::minutes(5)};
  double jitter = 0.2;  // 0 … 1
  bool operator==(const Backoff&) const = default;
};

// What happens to a message that would take a queue over max_messages or max_bytes (G6).
enum class Overflow : std::uint8_t {
  hold_back,    // credit is withheld: the producer waits, as it chose to. May overshoot by the
                // windows that were granted before (at most 4 MiB a producer).
  refuse,       // refused with FULL
  drop_oldest,  // the oldest message that is not leased goes to the dead letters
};

struct QueuePolicy {
  // A handler that runs longer fails its message ("handler time-out"). 0: no limit.
  std::chrono::milliseconds handler_timeout{std::chrono::minutes(30)};
  // So many failures (nacks, time-outs, deaths alone), then the dead letters. ≥ 1.
  std::uint32_t max_attempts = 5;
  // So many deaths and delayed returns, then the dead letters. 0: 10 × max_attempts.
  std::uint32_t handouts_max = 0;
  Backoff backoff{};
  // The queue of the same hub that dead messages move to. Empty: NAME.dead, made when first needed.
  std::string dead_letter{};
  std::uint64_t max_messages = 0;  // 0: no limit
  std::uint64_t max_bytes = 0;     // 0: no limit
  Overflow overflow = Overflow::hold_back;
  std::uint32_t message_bytes_max = 1024 * 1024;  // of one body; at most 1 MiB
  bool operator==(const QueuePolicy&) const = default;
};

}  // namespace pawl
