// SPDX-License-Identifier: Apache-2.0
// HandoverQueue: whole batches of work from the store's owner to one thread of the store. All the
// locking between the two is here and in EventQueue.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace pawl {

template <class Item>
class HandoverQueue {
 public:
  void push(Item item) {
    const std::scoped_lock lock{mutex_};
    waiting_.push_back(std::move(item));
    if (waiting_.size() == 1) arrived_.notify_one();
  }

  // The thread's side: the items of the call before count as done, and `items` becomes all that is
  // waiting, in order. Waits for some; false once the queue is closed and empty.
  bool take(std::vector<Item>& items) {
    items.clear();
    std::unique_lock lock{mutex_};
    busy_ = false;
    if (waiting_.empty()) done_.notify_all();
    arrived_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    busy_ = !waiting_.empty();
    items.swap(waiting_);
    return busy_;
  }

  // Waits until everything pushed is done.
  void settle() {
    std::unique_lock lock{mutex_};
    done_.wait(lock, [this] { return waiting_.empty() && !busy_; });
  }

  // What is waiting is still handed out.
  void close() {
    const std::scoped_lock lock{mutex_};
    closed_ = true;
    arrived_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable done_;
  std::vector<Item> waiting_;  // under mutex_, as are the two below
  bool busy_ = false;
  bool closed_ = false;
};

}  // namespace pawl
