// SPDX-License-Identifier: Apache-2.0
#include "patterns/work_queue/failure_history.hpp"

#include "core/check.hpp"

namespace pawl {
namespace {

Failure read_failure(ByteReader& in) {
  Failure failure;
  failure.at.us = in.varint_as<std::int64_t>();
  in.refuse_unless(failure.at.us <= hub_time_us_max);
  failure.kind = static_cast<FailureKind>(in.u8());
  in.refuse_unless(failure.kind >= FailureKind::nack && failure.kind <= FailureKind::overflow);
  failure.worker = in.text();
  failure.reason = in.text();
  return failure;
}

}  // namespace

FailureHistory::FailureHistory(std::initializer_list<Failure> failures) {
  for (const Failure& one : failures) add(one.at, one.kind, one.worker, one.reason);
}

void FailureHistory::add(HubTime at, FailureKind kind, std::string_view worker,
                         std::string_view reason) {
  // As much as it takes and no more: millions may wait with one failure each.
  constexpr std::size_t numbers_bytes_max = 10 + 1 + 5 + 5;
  packed_.reserve(packed_.size() + numbers_bytes_max + worker.size() + reason.size());
  ByteWriter out(std::move(packed_));
  out.varint(static_cast<std::uint64_t>(at.us)).u8(static_cast<std::uint8_t>(kind));
  out.text(worker).text(reason);
  packed_ = out.take();
  ++size_;
}

void FailureHistory::drop_oldest() {
  PAWL_CHECK(size_ > 0);
  ByteReader in(packed_);
  read_failure(in);
  packed_.erase(0, packed_.size() - in.left());
  --size_;
}

void FailureHistory::clear() {
  constexpr std::size_t kept_bytes_max = 256;
  size_ = 0;
  packed_.clear();
  if (packed_.capacity() > kept_bytes_max) packed_.shrink_to_fit();
}

std::vector<Failure> FailureHistory::all() const {
  std::vector<Failure> failures;
  failures.reserve(size_);
  ByteReader in(packed_);
  while (!in.at_end()) failures.push_back(read_failure(in));
  PAWL_CHECK(!in.failed() && failures.size() == size_);
  return failures;
}

FailureHistory FailureHistory::read(ByteReader& in) {
  FailureHistory history;
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const Failure one = read_failure(in);
    history.add(one.at, one.kind, one.worker, one.reason);
  }
  return history;
}

}  // namespace pawl
