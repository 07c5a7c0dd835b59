// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/failing_message.hpp"

#include "core/limits.hpp"

namespace pawl {

std::size_t FailingMessage::bytes() const {
  // 200: the record in its node (112), a bucket, its places among the runs and the due times, and
  // what the two allocations take beside their bytes.
  return 200 + history.bytes();
}

void FailingMessage::reset() {
  FailureHistory kept = std::move(history);
  kept.clear();
  *this = {};
  history = std::move(kept);
}

void FailingMessage::add(HubTime at, FailureKind kind, std::string_view worker,
                         std::string_view reason) {
  if (history.size() >= limits::history_max) {
    history.drop_oldest();
    ++history_dropped;
  }
  history.add(at, kind, worker, reason.substr(0, limits::reason_bytes_max));
}

}  // namespace pawl
