// SPDX-License-Identifier: Apache-2.0
// Who drives a worker: its I/O thread, or a handler thread while that one is parked.
#include <algorithm>
#include <array>

#include "core/codes.hpp"
#include "patterns/peer/clock.hpp"
#include "patterns/peer/worker_loop.hpp"

namespace pawl::peer {

void WorkerLoop::run() {
  try {
    Link::Wait wait;
    for (;;) {
      if (!may_drive()) {
        if (wait.was_woken) link_.wake();  // it was meant for who drives
        wait.was_woken = false;
        park();
        continue;
      }
      const Instant now = read_clock();
      Instant deadline{};
      {
        const std::lock_guard lock(turn_mutex_);
        if (handler_drives_) continue;
        if (failure_) std::rethrow_exception(failure_);
        if (left_) return;
        bench_->awake();  // not before: a handler thread that drives may be asleep
        bool may_sleep = false;
        try {
          may_sleep = turn(now);
        } catch (const std::exception&) {
          failure_ = std::current_exception();  // before a handler thread has the lock
          throw;
        }
        if (left_) return;
        if (!may_sleep) continue;
        deadline = std::min(machine_.next_deadline(), next_sample(now));
        link_.prepare(wait, handler_late_.fd());
      }
      link_.carry_out(wait, deadline, now);
    }
  } catch (const std::exception& e) {
    const std::lock_guard driving(turn_mutex_);
    left_ = true;
    link_.log(LogLevel::error, std::string("the worker's I/O thread ended: ") + e.what());
    bench_->refuse({Code::gone, e.what()});
  }
  const std::lock_guard lock(mutex_);
  refusal_ = Fault{Code::gone, "the worker's I/O thread ended"};
  result_.clean = false;
  changed_.notify_all();
}

// The I/O thread drives, or does so again.
bool WorkerLoop::may_drive() {
  const std::lock_guard lock(turn_mutex_);
  if (is_handling_ && (handler_late_.take_passed() || is_leaving())) {
    handler_late_.clear();
    handler_drives_ = is_handling_ = false;
  }
  return !handler_drives_;
}

bool WorkerLoop::is_leaving() const {
  const std::lock_guard lock(mutex_);
  return leaving_;
}

void WorkerLoop::park() {
  std::array<transport::SleepSource, 2> sources{transport::SleepSource{.fd = handler_late_.fd()},
                                                transport::SleepSource{.fd = unpark_.fd()}};
  transport::sleep_on(sources, Duration(-1));
  unpark_.clear();
}

// A handler thread. What it throws is the I/O thread's to tell.
bool WorkerLoop::take_turn(Instant until) {
  Link::Wait wait;
  const Instant now = read_clock();
  Instant deadline{};
  {
    const std::lock_guard lock(turn_mutex_);
    if (std::exchange(is_handling_, false)) handler_late_.clear();
    handler_drives_ = true;
    bool may_sleep = false;
    try {
      if (!left_ && !failure_) may_sleep = turn(now);
    } catch (const std::exception&) {
      failure_ = std::current_exception();
    }
    if (left_ || failure_) {
      handler_drives_ = false;
      unpark_.signal();
      link_.wake();  // if it is not parked yet
      return false;
    }
    if (bench_->has_staged()) {
      is_handling_ = true;
      handler_late_.set(handler_soon);
      return true;
    }
    if (!may_sleep || bench_->is_told()) return true;
    deadline = std::min({machine_.next_deadline(), next_sample(now), until});
    link_.prepare(wait);
  }
  link_.carry_out(wait, deadline, now);
  bench_->awake();
  return true;
}

void WorkerLoop::give_back_turns() {
  const std::lock_guard lock(turn_mutex_);
  if (std::exchange(is_handling_, false)) handler_late_.clear();
  if (!std::exchange(handler_drives_, false)) return;
  unpark_.signal();
  link_.wake();  // it may not be parked, but still asleep as when it drove last
}

}  // namespace pawl::peer
