// SPDX-License-Identifier: Apache-2.0
// What ends a `pawl work` from outside: the first signal drains the worker at hand, the second
// abandons what runs, and a standard output that nobody reads drains at once.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include <pawl/worker.hpp>

#include "core/transport/wake_up.hpp"
#include "devices/signals.hpp"

namespace pawl::devices {

class WorkControl {
 public:
  // `prints`: the end of whoever reads standard output is noticed even while nothing is written.
  WorkControl(const Signals& signals, bool prints);
  ~WorkControl();
  WorkControl(const WorkControl&) = delete;
  WorkControl& operator=(const WorkControl&) = delete;

  // The worker that is stopped from now on; null before it goes away. False if the end has come.
  bool attend(Worker* worker);
  void stop();
  // Standard output takes nothing more: says so once, and stops.
  void lose_output(int error);

  // Readable once what runs is to be abandoned.
  int abandon_fd() const { return abandon_.fd(); }
  bool stopping() const { return stopping_; }
  bool output_lost() const { return output_lost_; }
  int abandoned_by() const { return abandoned_by_; }

 private:
  void run();
  void on_signal(int signal);

  const Signals& signals_;
  const bool prints_;
  std::mutex mutex_;
  Worker* worker_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> output_lost_{false};
  std::atomic<int> abandoned_by_{0};
  transport::WakeUp abandon_;
  transport::WakeUp done_;
  std::thread thread_;
};

// Whoever read standard output has closed it.
bool output_is_broken();

}  // namespace pawl::devices
