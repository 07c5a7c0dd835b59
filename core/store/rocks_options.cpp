// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_options.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <memory>

#include "core/store/rocks_log.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t chunks_memtable_max = 16 * mebibyte;
constexpr std::uint64_t wal_max = 64 * mebibyte;
constexpr std::uint64_t memtable_min = 2 * mebibyte;
constexpr std::uint64_t reserve_max = 256 * 1000 * 1000;
constexpr std::size_t block_cache_bytes = 8 * mebibyte;
// Chunks below this stay in the SST: a file of their own costs more than rewriting them once.
constexpr std::uint64_t blob_bytes_min = 4096;

rocksdb::BlockBasedTableOptions table_options() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(block_cache_bytes, 0);
  table.cache_index_and_filter_blocks = true;  // so that the cache's size bounds them too
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  return table;
}

rocksdb::ColumnFamilyOptions family_options(std::uint64_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = memtable_bytes;
  family.max_write_buffer_number = 2;
  family.compression = rocksdb::kNoCompression;
  family.level0_file_num_compaction_trigger = 4;
  return family;
}

}  // namespace

RocksBudget RocksBudget::for_file_system(std::uint64_t total_bytes) {
  RocksBudget budget;
  budget.chunks_memtable_bytes = std::clamp(total_bytes / 64, memtable_min, chunks_memtable_max);
  budget.state_memtable_bytes = std::max(budget.chunks_memtable_bytes / 2, memtable_min);
  budget.wal_bytes_max = std::clamp(total_bytes / 32, 2 * memtable_min, wal_max);
  return budget;
}

std::uint64_t RocksBudget::reserve_bytes(std::uint64_t total_bytes) const {
  return std::max(std::min(reserve_max, total_bytes / 10), in_flight_bytes());
}

rocksdb::DBOptions rocks_db_options(const RocksBudget& budget) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_total_wal_size = budget.wal_bytes_max;
  options.recycle_log_file_num = 0;  // with recycling, ENOSPC outlives the shortage
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  // The disk begins while the rest of a commit is still being written, and a sync waits for what is
  // left: an eighth more messages a second (decisions/0004). Flushed files likewise, so that the
  // log's sync does not wait behind 16 MiB of theirs.
  options.wal_bytes_per_sync = 256 * 1024;
  options.bytes_per_sync = 1024 * 1024;
  options.allow_concurrent_memtable_write = false;  // one writer: the commit thread
  options.enable_write_thread_adaptive_yield = false;
  options.info_log = std::make_shared<RocksLog>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions rocks_chunks_options(const RocksBudget& budget) {
  rocksdb::ColumnFamilyOptions family = family_options(budget.chunks_memtable_bytes);
  family.enable_blob_files = true;
  family.min_blob_size = blob_bytes_min;
  family.enable_blob_garbage_collection = false;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options()));
  return family;
}

rocksdb::ColumnFamilyOptions rocks_state_options(const RocksBudget& budget) {
  rocksdb::ColumnFamilyOptions family = family_options(budget.state_memtable_bytes);
  // A commit's rows ascend within a kind, the first byte of a key: each insertion begins where the
  // last one of its kind ended (RocksDB ignores it where writes are concurrent). Of longer prefixes
  // there would be many, at 250 bytes each.
  family.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options()));
  return family;
}

rocksdb::ColumnFamilyOptions rocks_default_options() {
  return family_options(64 * 1024);
}

}  // namespace pawl
