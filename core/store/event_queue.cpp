// SPDX-License-Identifier: Apache-2.0
#include "core/store/event_queue.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "core/check.hpp"

namespace pawl {

EventQueue::EventQueue() : ready_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PAWL_CHECK(ready_fd_ >= 0);
}

EventQueue::~EventQueue() {
  ::close(ready_fd_);
}

void EventQueue::push(std::vector<StoreEvent>& events) {
  if (events.empty()) return;
  const std::scoped_lock lock{mutex_};
  const bool was_empty = events_.empty();
  for (const StoreEvent& event : events) note(event);
  std::move(events.begin(), events.end(), std::back_inserter(events_));
  events.clear();
  if (was_empty) make_ready();
}

void EventQueue::push(StoreEvent event) {
  const std::scoped_lock lock{mutex_};
  const bool was_empty = events_.empty();
  note(event);
  events_.push_back(std::move(event));
  if (was_empty) make_ready();
}

void EventQueue::drain(std::vector<StoreEvent>& events) {
  const std::scoped_lock lock{mutex_};
  if (events_.empty()) return;
  std::uint64_t count = 0;
  const auto got = ::read(ready_fd_, &count, sizeof count);
  PAWL_CHECK(got == sizeof count);
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
  commit_has_ended_.store(false, std::memory_order_relaxed);
}

void EventQueue::clear() {
  std::vector<StoreEvent> dropped;
  drain(dropped);
}

void EventQueue::note(const StoreEvent& event) {
  if (std::holds_alternative<Committed>(event) || std::holds_alternative<Unknown>(event)) {
    commit_has_ended_.store(true, std::memory_order_relaxed);
  }
}

// Under the mutex, so that the descriptor is readable exactly while there are events.
void EventQueue::make_ready() {
  const std::uint64_t one = 1;
  const auto wrote = ::write(ready_fd_, &one, sizeof one);
  PAWL_CHECK(wrote == sizeof one);
}

}  // namespace pawl
