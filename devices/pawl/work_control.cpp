// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/work_control.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pawl::devices {

WorkControl::WorkControl(const Signals& signals, bool prints)
    : signals_(signals), prints_(prints), thread_([this] { run(); }) {}

WorkControl::~WorkControl() {
  done_.signal();
  thread_.join();
}

bool WorkControl::attend(Worker* worker) {
  const std::lock_guard lock(mutex_);
  worker_ = worker;
  return !stopping_;
}

void WorkControl::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (worker_ != nullptr) worker_->stop();
}

void WorkControl::lose_output(int error) {
  if (!output_lost_.exchange(true)) {
    std::fprintf(stderr,
                 "pawl work: standard output takes no more (%s): what was not written goes back to "
                 "the queue\n",
                 std::strerror(error));
  }
  stop();
}

void WorkControl::run() {
  // Without events asked for, poll() still tells of a reader that is gone.
  pollfd watched[] = {
      {signals_.fd(), POLLIN, 0}, {done_.fd(), POLLIN, 0}, {prints_ ? STDOUT_FILENO : -1, 0, 0}};
  while (watched[1].revents == 0) {
    if (poll(watched, 3, -1) < 0) continue;
    if (watched[2].revents != 0) {
      watched[2].fd = -1;
      lose_output(EPIPE);
    }
    if (const int signal = signals_.take(); signal != 0) on_signal(signal);
  }
}

void WorkControl::on_signal(int signal) {
  if (stopping_) {
    abandoned_by_ = signal;
    abandon_.signal();
    return;
  }
  stop();  // first: whoever has read the line counts on it that nothing more is begun
  std::fputs("pawl work: finishing what is in hand; once more to stop at once\n", stderr);
}

bool output_is_broken() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace pawl::devices
