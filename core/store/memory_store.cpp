// SPDX-License-Identifier: Apache-2.0
#include "core/store/memory_store.hpp"

#include <iterator>
#include <utility>

namespace pawl {

MemoryStore::MemoryStore(MemoryStoreOptions options) : options_(options) {}

// The bound is kept by free_bytes(), not here: settles must commit when the store is full.
void MemoryStore::submit(Commit commit) {
  rows_.apply(commit);
  events_.emplace_back(Committed{commit.tag});
}

void MemoryStore::read(ReadRequest request) {
  events_.emplace_back(rows_.page(request));
}

Result<Page> MemoryStore::read_now(const ReadRequest& request) {
  return rows_.page(request);
}

void MemoryStore::drain(std::vector<StoreEvent>& events) {
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
}

std::uint64_t MemoryStore::free_bytes() {
  return rows_.bytes() < options_.bytes_max ? options_.bytes_max - rows_.bytes() : 0;
}

}  // namespace pawl
