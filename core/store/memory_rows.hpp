// SPDX-License-Identifier: Apache-2.0
// MemoryRows: both spaces as ordered maps, with their bytes counted. MemoryStore keeps one;
// FaultyStore (patterns/testing) keeps one for what is synced and one for what is written.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/store/store.hpp"

namespace pawl {

class MemoryRows {
 public:
  // What a row takes beside its key and value: a map's node, a buffer's block and malloc's own.
  static constexpr std::uint64_t row_overhead_bytes = 128;

  void apply(const Commit& commit);
  Page page(const ReadRequest& request) const;

  std::uint64_t bytes() const { return bytes_; }
  std::size_t count(Space space) const { return of(space).size(); }

 private:
  using Rows = std::map<std::string, Slice>;
  Rows& of(Space space) { return space == Space::chunks ? chunks_ : state_; }
  const Rows& of(Space space) const { return space == Space::chunks ? chunks_ : state_; }
  void put(const Put& put);
  void erase(const Delete& erased);

  Rows chunks_;
  Rows state_;
  std::uint64_t bytes_ = 0;
};

}  // namespace pawl
