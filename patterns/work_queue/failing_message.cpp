// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/failing_message.hpp"

#include "core/limits.hpp"

namespace pawl {

std::size_t FailingMessage::bytes() const {
  // 160: the record, its node in the map, its places in the group's indexes and what an allocation
  // takes beside its bytes, as measured with malloc.
  return 160 + history.bytes();
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
