// SPDX-License-Identifier: Apache-2.0
// The directory of a RocksStore: made, checked, and locked against a second user of it before
// RocksDB touches a file. Every refusal names the directory and the remedy.
#pragma once

#include <rocksdb/status.h>

#include <filesystem>
#include <memory>

#include "core/result.hpp"

namespace pawl {

// Holds the lock for as long as it lives; the kernel drops it with the process.
class RocksDirectory {
 public:
  static Result<std::unique_ptr<RocksDirectory>> open(std::filesystem::path path);
  ~RocksDirectory();
  RocksDirectory(const RocksDirectory&) = delete;
  RocksDirectory& operator=(const RocksDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t available_bytes = 0;
  };
  Space space() const;  // of the file system, now

 private:
  RocksDirectory(std::filesystem::path path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}

  std::filesystem::path path_;
  int descriptor_;
};

// Why RocksDB could not be opened, with the remedy.
Fault open_fault(const std::filesystem::path& directory, const rocksdb::Status& status);

}  // namespace pawl
