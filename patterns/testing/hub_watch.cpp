// SPDX-License-Identifier: Apache-2.0
#include "patterns/testing/hub_watch.hpp"

#include <algorithm>
#include <utility>

namespace pawl::testing {

Duration HubWatch::ahead() {
  const std::lock_guard lock(mutex_);
  changes_read_ = changes_;
  return ahead_;
}

void HubWatch::on_turn(const HubMachine& machine, Now now) {
  Seen seen{machine.numbers(), now.hub, 0, {}};
  for (const auto& [name, numbers] : seen.queues) {
    if (!numbers.next_due) continue;
    seen.due_at = std::min(seen.due_at.value_or(*numbers.next_due), *numbers.next_due);
  }
  std::unique_lock lock(mutex_);
  seen.changes = changes_read_;
  seen_ = std::move(seen);
  ++turns_;
  parked_ = suspended_;
  left_.notify_all();
  left_.wait(lock, [&] { return !suspended_; });
  parked_ = false;
}

void HubWatch::add_ahead(Duration by) {
  const std::lock_guard lock(mutex_);
  ahead_ += by;
  ++changes_;
}

void HubWatch::changed() {
  const std::lock_guard lock(mutex_);
  ++changes_;
}

Duration HubWatch::total_ahead() const {
  const std::lock_guard lock(mutex_);
  return ahead_;
}

bool HubWatch::await_taken_in(Deadline deadline) const {
  std::unique_lock lock(mutex_);
  return left_.wait_until(lock, deadline, [&] { return has_taken_in(); });
}

bool HubWatch::await_due(Deadline deadline) const {
  std::unique_lock lock(mutex_);
  if (!left_.wait_until(lock, deadline, [&] { return has_taken_in(); })) return false;
  // What fails from now on with no delay is due at once, and not ours to wait for.
  const HubTime by = seen_->at;
  return left_.wait_until(lock, deadline,
                          [&] { return seen_ && (!seen_->due_at || *seen_->due_at > by); });
}

bool HubWatch::await_turn(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return left_.wait_until(lock, deadline, [&] { return seen_.has_value(); });
}

bool HubWatch::wait(const std::string& queue, const Reached& reached, Deadline deadline) const {
  std::unique_lock lock(mutex_);
  for (;;) {
    const std::uint64_t asked_in = turns_;
    if (seen_) {
      const QueueNumbers numbers = numbers_of(queue);
      const HubTime at = seen_->at;
      lock.unlock();
      if (reached(numbers, at)) return true;
      lock.lock();
    }
    if (!left_.wait_until(lock, deadline, [&] { return turns_ != asked_in; })) return false;
  }
}

std::optional<std::pair<QueueNumbers, HubTime>> HubWatch::look(const std::string& queue) const {
  const std::lock_guard lock(mutex_);
  if (!seen_) return std::nullopt;
  return std::pair(numbers_of(queue), seen_->at);
}

QueueNumbers HubWatch::numbers_of(const std::string& queue) const {
  const auto found = seen_->queues.find(queue);
  return found == seen_->queues.end() ? QueueNumbers{} : found->second;
}

void HubWatch::forget() {
  const std::lock_guard lock(mutex_);
  seen_.reset();
}

void HubWatch::suspend() {
  const std::lock_guard lock(mutex_);
  suspended_ = true;
}

bool HubWatch::await_suspended(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return left_.wait_until(lock, deadline, [&] { return parked_; });
}

void HubWatch::resume() {
  const std::lock_guard lock(mutex_);
  suspended_ = false;
  left_.notify_all();
}

bool HubWatch::is_suspended() const {
  const std::lock_guard lock(mutex_);
  return suspended_;
}

}  // namespace pawl::testing
