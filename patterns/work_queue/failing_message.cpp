// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/failing_message.hpp"

#include "core/limits.hpp"

namespace pawl {
namespace {

std::size_t bytes_of(const Failure& failure) {
  return sizeof(Failure) + failure.worker.size() + failure.reason.size();
}

}  // namespace

std::size_t FailingMessage::bytes() const {
  // 160: the record, its map node and its places in the group's indexes, as measured with malloc.
  std::size_t bytes = 160;
  for (const Failure& failure : history) bytes += bytes_of(failure);
  return bytes;
}

std::ptrdiff_t FailingMessage::add(Failure failure) {
  if (failure.reason.size() > limits::reason_bytes_max) {
    failure.reason.resize(limits::reason_bytes_max);
  }
  auto grown = static_cast<std::ptrdiff_t>(bytes_of(failure));
  if (history.size() >= limits::history_max) {
    grown -= static_cast<std::ptrdiff_t>(bytes_of(history.front()));
    history.erase(history.begin());
    ++history_dropped;
  }
  history.push_back(std::move(failure));
  return grown;
}

}  // namespace pawl
