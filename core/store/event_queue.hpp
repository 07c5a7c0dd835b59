// SPDX-License-Identifier: Apache-2.0
// EventQueue: what a store's threads have finished, on its way to the thread that owns the store.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "core/store/store.hpp"

namespace pawl {

class EventQueue {
 public:
  EventQueue();
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // Any thread. The order of calls is the order of drain().
  void push(std::vector<StoreEvent>& events);
  void push(StoreEvent event);

  // The owner's thread.
  void drain(std::vector<StoreEvent>& events);
  void clear();
  // Of what the next drain() brings.
  bool commit_has_ended() const { return commit_has_ended_.load(std::memory_order_relaxed); }
  int ready_fd() const { return ready_fd_; }

 private:
  void note(const StoreEvent& event);
  void make_ready();

  std::mutex mutex_;
  std::vector<StoreEvent> events_;  // under mutex_
  std::atomic<bool> commit_has_ended_{false};
  const int ready_fd_;  // an eventfd, written when events_ stops being empty
};

}  // namespace pawl
