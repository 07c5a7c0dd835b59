// SPDX-License-Identifier: Apache-2.0
// Which queues the peers of a bench use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// The queue of each of max(peers, queues) peers: every queue has at least one.
inline std::vector<std::string> queues_of(std::uint64_t peers, std::uint64_t queues) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < std::max(peers, queues); ++i) {
    names.push_back(queues == 1 ? "bench" : "bench" + std::to_string(i % queues));
  }
  return names;
}

}  // namespace bench
