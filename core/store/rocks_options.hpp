// SPDX-License-Identifier: Apache-2.0
// What RocksDB is told, and how much disk it may hold beside the rows. The numbers were measured:
// docs/decisions/0001-rocksdb-options.md.
#pragma once

#include <rocksdb/options.h>

#include <cstdint>

namespace pawl {

// Disk space for what is written but not yet in its place, scaled to the file system: on one of
// 2 GiB and more the measured optimum, on a small one (tests use 512 MiB) 1/64 and 1/32 of it.
struct RocksBudget {
  std::uint64_t chunks_memtable_bytes = 0;
  std::uint64_t state_memtable_bytes = 0;
  std::uint64_t wal_bytes_max = 0;

  static RocksBudget for_file_system(std::uint64_t total_bytes);

  // Two memtables of each family may wait for their flush while the WAL still holds their rows.
  std::uint64_t in_flight_bytes() const {
    return wal_bytes_max + 2 * (chunks_memtable_bytes + state_memtable_bytes);
  }
  // The smaller of 256 MB and 10 % of the file system, never below what may be in flight.
  std::uint64_t reserve_bytes(std::uint64_t total_bytes) const;
};

rocksdb::DBOptions rocks_db_options(const RocksBudget& budget);
rocksdb::ColumnFamilyOptions rocks_chunks_options(const RocksBudget& budget);
rocksdb::ColumnFamilyOptions rocks_state_options(const RocksBudget& budget);
rocksdb::ColumnFamilyOptions rocks_default_options();  // holds nothing; RocksDB insists on it

}  // namespace pawl
