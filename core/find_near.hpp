// SPDX-License-Identifier: Apache-2.0
// partition_point for who asks again and again for neighbouring places.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace pawl {

// Index of the first item of which `is_before` is not true. `last` is what was found last time, in
// whatever state the items were then: that place and the two after it are looked at before all are
// searched.
template <class Item, class IsBefore>
std::size_t find_near(const std::vector<Item>& items, std::size_t& last, IsBefore is_before) {
  std::size_t at = std::min(last, items.size());
  if (at == 0 || is_before(items[at - 1])) {
    const std::size_t end = std::min(at + 3, items.size());
    while (at < end && is_before(items[at])) ++at;
    if (at < end || at == items.size()) return last = at;
  }
  const auto found = std::partition_point(items.begin(), items.end(), is_before);
  return last = static_cast<std::size_t>(found - items.begin());
}

}  // namespace pawl
