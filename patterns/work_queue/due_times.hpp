// SPDX-License-Identifier: Apache-2.0
// DueTimes: who waits until when, the first first. What is added in the order of time, as a fixed
// delay gives it, is a queue and costs nothing to keep in order; the rest is a heap beside it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/time.hpp"

namespace pawl {

struct Due {
  HubTime due;
  std::uint64_t offset = 0;
  bool is_alone = false;  // goes only to a session that holds nothing else
  friend bool operator<(const Due& one, const Due& other) {
    return one.due != other.due ? one.due < other.due : one.offset < other.offset;
  }
};

class DueTimes {
 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const { return in_order_.size() - taken_ + heap_.size(); }
  const Due& front() const { return first_is_in_order() ? in_order_[taken_] : heap_.front(); }

  void push(const Due& due) {
    if (in_order_.empty() || in_order_.back() < due) {
      in_order_.push_back(due);
      return;
    }
    heap_.push_back(due);
    std::push_heap(heap_.begin(), heap_.end(), comes_later);
  }

  void pop() {
    if (first_is_in_order()) {
      ++taken_;
      if (taken_ >= kept && taken_ * 2 >= in_order_.size()) forget_taken();
      return;
    }
    std::pop_heap(heap_.begin(), heap_.end(), comes_later);
    heap_.pop_back();
    give_back_memory(heap_);
  }

  // For who looks at all of them: in order.
  std::vector<Due> all() const {
    std::vector<Due> all(in_order_.begin() + static_cast<std::ptrdiff_t>(taken_), in_order_.end());
    all.insert(all.end(), heap_.begin(), heap_.end());
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  static constexpr std::size_t kept = 1024;  // of a storm that has passed no more stays

  static bool comes_later(const Due& one, const Due& other) { return other < one; }
  bool first_is_in_order() const {
    if (taken_ == in_order_.size()) return false;
    return heap_.empty() || in_order_[taken_] < heap_.front();
  }
  // Half of them at least: each is moved once.
  void forget_taken() {
    in_order_.erase(in_order_.begin(), in_order_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    give_back_memory(in_order_);
  }
  static void give_back_memory(std::vector<Due>& times) {
    if (times.capacity() > kept && times.size() < times.capacity() / 4) times.shrink_to_fit();
  }

  std::vector<Due> in_order_;
  std::size_t taken_ = 0;  // of its front, are gone
  std::vector<Due> heap_;
};

}  // namespace pawl
