// SPDX-License-Identifier: Apache-2.0
// How long a message that is returned again and again waits: a service that is down for an hour
// must not use up the queue's handouts_max of every message within a minute. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>

namespace pawl::devices {

// What this process remembers; beyond that the longest known message begins anew.
inline constexpr std::size_t returned_messages_max = 16 * 1024;
// Or the first backoff, if that is more.
inline constexpr std::chrono::milliseconds return_delay_max = std::chrono::minutes(1);

class ReturnDelays {
 public:
  // Of one more return of the message in a row: `first`, then twice as long each time.
  std::chrono::milliseconds next(std::uint64_t offset, std::chrono::milliseconds first);
  // It had another outcome.
  void forget(std::uint64_t offset);

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::chrono::milliseconds> last_;
  std::deque<std::uint64_t> order_;  // by first return; may name what was forgotten since
};

}  // namespace pawl::devices
