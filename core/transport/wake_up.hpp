// SPDX-License-Identifier: Apache-2.0
// How another thread ends a reactor's sleep, and how the reactor sleeps.
#pragma once

#include "core/time.hpp"

namespace pawl::transport {

// A descriptor that is readable from signal() until clear(). Any thread may signal, also a signal
// handler.
class WakeUp {
 public:
  WakeUp();  // throws std::system_error when the process is out of descriptors
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  void signal() const;
  void clear() const;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// Sleeps until the socket is readable, a descriptor is, or `timeout` has passed (rounded up to ms;
// negative: for ever). -1 for a descriptor that is not there.
void sleep_on(void* socket, int fd, Duration timeout);
// The same with a second socket.
void sleep_on(void* socket, void* other_socket, int fd, Duration timeout);

}  // namespace pawl::transport
