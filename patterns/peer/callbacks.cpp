// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/callbacks.hpp"

#include <utility>

#include "patterns/peer/clock.hpp"

namespace pawl::peer {

void CallbackGate::post(Executor& executor, std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (shut_) return;
    ++waiting_;
  }
  executor.post([gate = shared_from_this(), run = std::move(callback)] {
    if (gate->enter()) run();
  });
}

bool CallbackGate::enter() {
  const std::lock_guard lock(mutex_);
  --waiting_;
  begun_.notify_all();
  return !shut_;
}

std::uint64_t CallbackGate::shut(Instant deadline) {
  std::unique_lock lock(mutex_);
  begun_.wait_until(lock, steady(deadline), [&] { return waiting_ == 0; });
  shut_ = true;
  return waiting_;
}

}  // namespace pawl::peer
