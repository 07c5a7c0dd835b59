// SPDX-License-Identifier: Apache-2.0
// How another thread ends a reactor's sleep, and how the reactor sleeps.
#pragma once

#include <poll.h>

#include <array>
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
// A sleep in two steps: the first looks at the sockets and belongs to whoever uses them at that
// moment; the second touches none, so that meanwhile another thread may use them under a lock. One
// that does must look for input when it is done (may_have_input) and wake the sleeper if there is
// some: libzmq tells of it once.
class Sleep {
 public:
  // `sources` (at most four) must outlive it.
  explicit Sleep(std::span<SleepSource> sources);
  // Until one of them may have something, or `timeout` has passed (rounded up to ms; negative: for
  // ever). One poll() and a look at each socket that was not drained, where zmq_poll takes two
  // polls and two looks at each; a look is two system calls.
  void wait(Duration timeout);

 private:
  std::span<SleepSource> sources_;
  std::array<pollfd, 4> items_{};
  bool is_over_ = false;
};
bool may_have_input(void* socket);

inline void sleep_on(std::span<SleepSource> sources, Duration timeout) {
  Sleep(sources).wait(timeout);
}
// The same with one socket and one descriptor.
void sleep_on(void* socket, int fd, Duration timeout);

}  // namespace pawl::transport
