// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/return_delays.hpp"

#include <algorithm>

namespace pawl::devices {

std::chrono::milliseconds ReturnDelays::next(std::uint64_t offset,
                                             std::chrono::milliseconds first) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = last_.try_emplace(offset, first);
  if (!is_new) {
    const auto grown = std::max(2 * at->second, std::chrono::milliseconds(1));
    at->second = std::min(grown, std::max(first, return_delay_max));
    return at->second;
  }
  order_.push_back(offset);
  while (order_.size() > returned_messages_max) {
    last_.erase(order_.front());
    order_.pop_front();
  }
  return first;
}

void ReturnDelays::forget(std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  last_.erase(offset);
}

}  // namespace pawl::devices
