// SPDX-License-Identifier: Apache-2.0
// RocksStore: the durable store of one hub, a RocksDB in a directory of its own. docs/store.md says
// which options were measured and what each decides.
#pragma once

#include <filesystem>
#include <memory>

#include "core/store/store.hpp"

namespace pawl {

struct RocksStoreOptions {
  std::filesystem::path directory;  // made if absent; locked against a second process
  // Free space below which free_bytes() is 0: the smaller of 256 MB and 10 % of the file system,
  // never below WAL limit + memtables. 0 = that rule.
  std::uint64_t reserve_bytes = 0;
};

// Opens the store, with its commit thread and its read thread. The Fault names the directory and
// the remedy: locked by another process, not a directory, no rights, corrupt.
Result<std::unique_ptr<Store>> open_rocks_store(RocksStoreOptions options);

}  // namespace pawl
