// SPDX-License-Identifier: Apache-2.0
// Sends at a rate, whatever became of what was sent before.
#pragma once

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "bench/clock.hpp"

namespace bench {

class Pace {
 public:
  // 0: as fast as it goes.
  explicit Pace(std::uint64_t per_second)
      : per_second_(per_second), timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    if (per_second == 0) return;
    // More often, and the timer itself would be the load.
    const std::uint64_t every_ns = std::max<std::uint64_t>(1'000'000'000 / per_second, 100'000);
    const timespec every{static_cast<time_t>(every_ns / 1'000'000'000),
                         static_cast<long>(every_ns % 1'000'000'000)};
    const itimerspec times{every, every};
    timerfd_settime(timer_, 0, &times, nullptr);
    begun_ns_ = now_ns();
  }
  ~Pace() { close(timer_); }
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;

  // Waits until something is due; how many messages, at most `left`.
  std::uint64_t wait(std::uint64_t left) {
    if (per_second_ == 0) return left;
    std::uint64_t expired = 0;
    if (read(timer_, &expired, sizeof expired) < 0) return 0;
    const std::uint64_t planned = (now_ns() - begun_ns_) / 1'000 * per_second_ / 1'000'000;
    const std::uint64_t due = std::min(planned - std::min(planned, sent_), left);
    sent_ += due;
    return due;
  }

 private:
  std::uint64_t per_second_;
  std::uint64_t begun_ns_ = 0;
  std::uint64_t sent_ = 0;
  int timer_;
};

// The first bytes of a body: when it was sent.
inline void stamp(void* body) {
  const std::uint64_t now = now_ns();
  std::memcpy(body, &now, sizeof now);
}

inline std::uint64_t age_ns(const void* body) {
  std::uint64_t sent = 0;
  std::memcpy(&sent, body, sizeof sent);
  return now_ns() - sent;
}

}  // namespace bench
