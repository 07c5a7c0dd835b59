// SPDX-License-Identifier: Apache-2.0
#include "core/transport/timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "core/check.hpp"

namespace pawl::transport {

Timer::Timer() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "timerfd");
}

Timer::~Timer() {
  ::close(fd_);
}

void Timer::set(Duration from_now) const {
  itimerspec at{};
  at.it_value.tv_sec = from_now.count() / 1'000'000;
  at.it_value.tv_nsec = from_now.count() % 1'000'000 * 1'000;
  PAWL_CHECK(timerfd_settime(fd_, 0, &at, nullptr) == 0);
}

bool Timer::take_passed() const {
  std::uint64_t times = 0;
  ssize_t got = -1;
  do {
    got = ::read(fd_, &times, sizeof times);
  } while (got < 0 && errno == EINTR);
  return got == sizeof times;
}

}  // namespace pawl::transport
