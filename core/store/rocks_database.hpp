// SPDX-License-Identifier: Apache-2.0
// RocksDatabase: an open RocksDB with its column families. Writes come from one thread, reads from
// any.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <memory>

#include "core/store/rocks_options.hpp"
#include "core/store/store.hpp"

namespace pawl {

class RocksDatabase {
 public:
  static Result<std::unique_ptr<RocksDatabase>> open(const std::filesystem::path& directory,
                                                     const RocksBudget& budget);
  // Syncs what was only written: after a clean end, power loss takes nothing back.
  ~RocksDatabase();
  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;

  void add(const Commit& commit, rocksdb::WriteBatch& batch) const;
  rocksdb::Status write(rocksdb::WriteBatch& batch, bool sync);
  rocksdb::Status page(const ReadRequest& request, Page& page) const;

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Space space) const {
    return space == Space::chunks ? chunks_ : state_;
  }

 private:
  RocksDatabase() = default;

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  rocksdb::ColumnFamilyHandle* chunks_ = nullptr;
  rocksdb::ColumnFamilyHandle* state_ = nullptr;
  bool failed_ = false;  // the commit thread's; read again when that has been joined
};

// True if it was a sync that failed: what it covered may be lost though a later sync succeeds, so
// the process must end. RocksDB tells it in the text only. And true of damage, which a reopen would
// find again.
bool is_final_failure(const rocksdb::Status& status);

}  // namespace pawl
