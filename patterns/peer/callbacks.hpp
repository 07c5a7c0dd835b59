// SPDX-License-Identifier: Apache-2.0
// The gate that every callback passes: after it has been shut, none begins.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <pawl/executor.hpp>

#include "core/time.hpp"

namespace pawl::peer {

class CallbackGate : public std::enable_shared_from_this<CallbackGate> {
 public:
  // Runs `callback` on `executor`, unless the gate is shut by then.
  void post(Executor& executor, std::function<void()> callback);
  // Waits until what was posted has begun and ended, or `deadline`; then none begins any more.
  // Within a callback it waits neither for that one nor for those that have not begun: they may
  // stand behind it. Returns how many were dropped.
  std::uint64_t shut(Instant deadline);

 private:
  bool enter();
  void leave();

  std::mutex mutex_;
  std::condition_variable moved_;
  std::uint64_t waiting_ = 0;             // posted, not begun
  std::vector<std::thread::id> running_;  // where a callback runs
  bool shut_ = false;
};

}  // namespace pawl::peer
