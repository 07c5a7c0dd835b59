// SPDX-License-Identifier: Apache-2.0
#include "core/transport/wake_up.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

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

void sleep_on(void* socket, int fd, Duration timeout) {
  sleep_on(socket, nullptr, fd, timeout);
}

void sleep_on(void* socket, void* other_socket, int fd, Duration timeout) {
  zmq_pollitem_t items[3] = {};
  int count = 0;
  if (socket != nullptr) items[count++] = {socket, 0, ZMQ_POLLIN, 0};
  if (other_socket != nullptr) items[count++] = {other_socket, 0, ZMQ_POLLIN, 0};
  if (fd >= 0) items[count++] = {nullptr, fd, ZMQ_POLLIN, 0};
  const auto ms = timeout < Duration::zero() ? -1 : (timeout.count() + 999) / 1000;
  zmq_poll(items, count, ms);
}

}  // namespace pawl::transport
