// SPDX-License-Identifier: Apache-2.0
// Whoever walks a chunk touches a few bytes of each message, which another core has written last or
// which have left the cache since. Its lines are asked for so far ahead that they have come by
// then: a tenth of all processor time between `send` and the answered ack (decisions/0004).
#pragma once

#include <cstdint>

namespace pawl {

enum class Prefetch { to_read, to_write };

// Two lines, since a message of 100 bytes takes nearly two; `at` may be near the end.
template <Prefetch purpose>
inline void prefetch_ahead(const void* at) {
  constexpr std::uintptr_t ahead = 1024, line = 64;
  const auto address = reinterpret_cast<std::uintptr_t>(at) + ahead;
  __builtin_prefetch(reinterpret_cast<const void*>(address), purpose == Prefetch::to_write);
  __builtin_prefetch(reinterpret_cast<const void*>(address + line), purpose == Prefetch::to_write);
}

}  // namespace pawl
