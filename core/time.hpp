// SPDX-License-Identifier: Apache-2.0
// The two clocks. Machines never read either: a turn reads both once and hands them in.
#pragma once

#include <chrono>
#include <cstdint>

namespace pawl {

using Duration = std::chrono::microseconds;

// Monotonic instants of one process: leases, beats, time-outs. Never persisted, never sent.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using Instant = MonotonicClock::time_point;
inline constexpr Instant never = Instant::max();

// Hub time: µs since 1970, max(persisted floor, wall) + monotonic. Persisted and sent: creation,
// delays, history. A step of the wall clock moves it by at most 5 % of the time that passes.
struct HubTime {
  std::int64_t us = 0;
  auto operator<=>(const HubTime&) const = default;
  HubTime operator+(Duration d) const { return {us + d.count()}; }
  Duration operator-(HubTime other) const { return Duration{us - other.us}; }
};

// What a row may hold: so far from the ends of its type that a span added to it stays within,
// 146,000 years.
inline constexpr std::int64_t hub_time_us_max = std::int64_t{1} << 62;

// One turn's reading of both clocks.
struct Now {
  Instant mono;
  HubTime hub;
};

}  // namespace pawl
