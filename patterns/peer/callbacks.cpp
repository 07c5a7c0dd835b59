// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/callbacks.hpp"

#include <algorithm>
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
    if (!gate->enter()) return;
    // However it ends: an executor may catch what a callback throws.
    struct Leaving {
      CallbackGate& gate;
      ~Leaving() { gate.leave(); }
    } leaving{*gate};
    run();
  });
}

bool CallbackGate::enter() {
  const std::lock_guard lock(mutex_);
  --waiting_;
  moved_.notify_all();
  if (shut_) return false;
  running_.push_back(std::this_thread::get_id());
  return true;
}

void CallbackGate::leave() {
  const std::lock_guard lock(mutex_);
  running_.erase(std::find(running_.begin(), running_.end(), std::this_thread::get_id()));
  moved_.notify_all();
}

std::uint64_t CallbackGate::shut(Instant deadline) {
  std::unique_lock lock(mutex_);
  const auto self = std::this_thread::get_id();
  const bool within = std::find(running_.begin(), running_.end(), self) != running_.end();
  const auto only_here = [&] {
    return std::all_of(running_.begin(), running_.end(), [&](auto id) { return id == self; });
  };
  if (!within) moved_.wait_until(lock, steady(deadline), [&] { return waiting_ == 0; });
  shut_ = true;
  const std::uint64_t dropped = waiting_;
  moved_.wait_until(lock, steady(deadline), only_here);
  return dropped;
}

}  // namespace pawl::peer
