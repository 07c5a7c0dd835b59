// SPDX-License-Identifier: Apache-2.0
// How another thread ends a reactor's sleep, and how the reactor sleeps.
#pragma once

#include <span>

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

// What ends a sleep: a socket or a descriptor.
struct SleepSource {
  void* socket = nullptr;
  int fd = -1;           // if there is no socket; -1 for none at all
  bool drained = false;  // a socket from which receive() had nothing last, and nothing was sent
                         // since: its events need not be looked at before
  bool ready = false;    // when the sleep has ended: there may be something
};
// Sleeps until one of them may have something, or `timeout` has passed (rounded up to ms; negative:
// for ever). One poll() and a look at each socket that was not drained, where zmq_poll takes two
// polls and two looks at each; a look is two system calls.
void sleep_on(std::span<SleepSource> sources, Duration timeout);
// The same with one socket and one descriptor.
void sleep_on(void* socket, int fd, Duration timeout);

}  // namespace pawl::transport
