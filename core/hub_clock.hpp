// SPDX-License-Identifier: Apache-2.0
// Hub time: max(persisted floor, wall clock at start) + monotonic time, drawn towards the wall
// clock by at most 5 % of the time that passes. A step of the wall clock expires nothing. Pure:
// both clocks are handed in.
#pragma once

#include <algorithm>

#include "core/time.hpp"

namespace pawl {

class HubClock {
 public:
  HubClock(HubTime floor, HubTime wall, Instant mono) : hub_(std::max(floor, wall)), last_(mono) {}

  // Never runs backwards.
  HubTime read(HubTime wall, Instant mono) {
    const Duration passed = mono - last_;
    last_ = mono;
    hub_ = hub_ + passed;
    const Duration slew_max = passed / 20;
    hub_ = hub_ + std::clamp(wall - hub_, -slew_max, slew_max);
    return hub_;
  }

 private:
  HubTime hub_;
  Instant last_;
};

}  // namespace pawl
