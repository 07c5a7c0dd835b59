// SPDX-License-Identifier: Apache-2.0
// The five ways to consume, behind one call, so that the same tests run over each of them.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include <pawl/coroutine.hpp>
#include <pawl/pawl.hpp>

namespace pawl::testing {

using namespace std::chrono_literals;

// Opens once; whoever waits goes on.
class Latch {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  bool wait(std::chrono::milliseconds patience = 10s) {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, patience, [&] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

// Waits until `true_now` holds, which is looked at again whenever something was noted.
class Notes {
 public:
  void add(const std::string& note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(note);
    added_.notify_all();
  }
  bool wait_count(std::size_t count, std::chrono::milliseconds patience = 10s) {
    std::unique_lock lock(mutex_);
    return added_.wait_for(lock, patience, [&] { return notes_.size() >= count; });
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<std::string> notes_;
};

inline const std::vector<std::string>& ways() {
  static const std::vector<std::string> names{"handler", "batch", "pull", "descriptor",
                                              "coroutine"};
  return names;
}

namespace detail {

// As run() does for its handlers.
inline void handle(const Handler& handler, Delivery& delivery) {
  try {
    handler(delivery);
    delivery.ack();
  } catch (const Return&) {
    delivery.give_back();
  }
}

inline void pull(Worker& worker, const Handler& handler, const std::atomic<bool>& over) {
  while (!over) {
    std::optional<Delivery> delivery = worker.receive(20ms);
    if (delivery) handle(handler, *delivery);
  }
}

inline void poll_descriptor(Worker& worker, const Handler& handler, const std::atomic<bool>& over) {
  pollfd descriptor{worker.fd(), POLLIN, 0};
  while (!over) {
    if (::poll(&descriptor, 1, 20) > 0) worker.poll(handler);
  }
}

inline Task coroutine(Worker& worker, const Handler& handler, Latch& ended) {
  while (std::optional<Delivery> delivery = co_await worker.next()) {
    handle(handler, *delivery);
  }
  ended.open();
}

}  // namespace detail

// Works until the worker is stopped or closed; `over` is set before that.
inline void consume(const std::string& way, Worker& worker, const Handler& handler,
                    const std::atomic<bool>& over) {
  if (way == "handler") {
    worker.run(handler);
  } else if (way == "batch") {
    worker.run_batch([&](std::span<const Delivery> batch, std::span<HandlerOutcome>) {
      for (const Delivery& delivery : batch) handler(delivery);
    });
  } else if (way == "pull") {
    detail::pull(worker, handler, over);
  } else if (way == "descriptor") {
    detail::poll_descriptor(worker, handler, over);
  } else {
    Latch ended;
    detail::coroutine(worker, handler, ended);
    ended.wait(60s);
  }
}

}  // namespace pawl::testing
