// SPDX-License-Identifier: Apache-2.0
// The failures of one message, oldest first, in the bytes that its row has: one allocation for them
// all. They are read only when the message dies or somebody looks.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/chunk/meta.hpp"

namespace pawl {

class FailureHistory {
 public:
  FailureHistory() = default;
  FailureHistory(std::initializer_list<Failure> failures);

  void add(HubTime at, FailureKind kind, std::string_view worker, std::string_view reason);
  void drop_oldest();
  // Keeps the memory of a few failures for the next.
  void clear();

  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::vector<Failure> all() const;
  std::size_t bytes() const { return packed_.size(); }

  // As in a row; a reader that has failed afterwards found something else.
  void write(ByteWriter& out) const { out.varint(size_).raw(packed_); }
  static FailureHistory read(ByteReader& in);

  bool operator==(const FailureHistory&) const = default;

 private:
  std::uint32_t size_ = 0;
  std::string packed_;
};

}  // namespace pawl
