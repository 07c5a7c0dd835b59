// SPDX-License-Identifier: Apache-2.0
#include "core/transport/wake_up.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>

#include "core/check.hpp"

namespace pawl::transport {

WakeUp::WakeUp() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

WakeUp::~WakeUp() {
  ::close(fd_);
}

void WakeUp::signal() const {
  const std::uint64_t one = 1;
  // EAGAIN: the count is at its maximum, so it is readable already.
  while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void WakeUp::clear() const {
  std::uint64_t count = 0;
  while (::read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

// libzmq's descriptor tells of changes only: what is there already must be looked for. A look that
// fails has to be taken for a message: a sleep on one that is there might have no end.
bool may_have_input(void* socket) {
  int events = 0;
  std::size_t size = sizeof events;
  while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0) {
    if (errno != EINTR) return true;
  }
  return (events & ZMQ_POLLIN) != 0;
}

namespace {

int descriptor_of(const SleepSource& source) {
  if (source.socket == nullptr) return source.fd;
  int fd = -1;
  std::size_t size = sizeof fd;
  return zmq_getsockopt(source.socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

}  // namespace

Sleep::Sleep(std::span<SleepSource> sources) : sources_(sources) {
  PAWL_CHECK(sources.size() <= items_.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    SleepSource& source = sources[i];
    source.ready = source.socket != nullptr && !source.drained && may_have_input(source.socket);
    is_over_ = is_over_ || source.ready;
    items_[i] = {descriptor_of(source), POLLIN, 0};
  }
}

void Sleep::wait(Duration timeout) {
  if (is_over_) timeout = Duration::zero();
  const auto ms = timeout < Duration::zero() ? -1 : (timeout.count() + 999) / 1000;
  const auto ms_max = std::int64_t{std::numeric_limits<int>::max()};
  // Ended by a signal or out of memory: as if the time had passed, the caller looks again.
  const auto wait_ms = static_cast<int>(std::min<std::int64_t>(ms, ms_max));
  if (poll(items_.data(), sources_.size(), wait_ms) <= 0) return;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (items_[i].revents != 0) sources_[i].ready = true;
  }
}

void sleep_on(void* socket, int fd, Duration timeout) {
  std::array<SleepSource, 2> sources{SleepSource{.socket = socket}, SleepSource{.fd = fd}};
  sleep_on(sources, timeout);
}

}  // namespace pawl::transport
