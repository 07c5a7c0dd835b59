// SPDX-License-Identifier: Apache-2.0
// Something that is done once by whoever comes first; others wait for it, within their deadline.
#pragma once

#include <condition_variable>
#include <mutex>

#include "patterns/peer/clock.hpp"

namespace pawl::peer {

class Once {
 public:
  // True: do it, then finish(). False: it is done, or still being done at the deadline.
  bool begin(Instant deadline) {
    std::unique_lock lock(mutex_);
    if (!begun_) return begun_ = true;
    finished_once_.wait_until(lock, steady(deadline), [&] { return finished_; });
    return false;
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    finished_once_.notify_all();
  }
  bool is_finished() const {
    const std::lock_guard lock(mutex_);
    return finished_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable finished_once_;
  bool begun_ = false;
  bool finished_ = false;
};

}  // namespace pawl::peer
