// SPDX-License-Identifier: Apache-2.0
#include "core/store/store.hpp"

namespace pawl {

std::size_t Put::value_bytes() const {
  if (const auto* slice = std::get_if<Slice>(&value)) return slice->size;
  return std::get_if<std::string>(&value)->size();
}

std::size_t bytes_of(const Commit& commit) {
  std::size_t bytes = 0;
  for (const Put& put : commit.puts) bytes += put.key.size() + put.value_bytes();
  for (const Delete& erased : commit.deletes) bytes += erased.key.size();
  return bytes;
}

}  // namespace pawl
