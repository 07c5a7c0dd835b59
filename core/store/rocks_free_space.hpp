// SPDX-License-Identifier: Apache-2.0
// FreeSpace: how much may still be written before the reserve is touched. Asks the file system once
// a second, and sooner when much was written since: a fast producer fills a small disk in less.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/store/rocks_directory.hpp"

namespace pawl {

class FreeSpace {
 public:
  FreeSpace(const RocksDirectory& directory, std::uint64_t reserve_bytes)
      : directory_(directory), reserve_bytes_(reserve_bytes) {}

  void written(std::uint64_t bytes) { written_bytes_ += bytes; }
  std::uint64_t bytes();
  std::uint64_t reserve_bytes() const { return reserve_bytes_; }

 private:
  const RocksDirectory& directory_;
  std::uint64_t reserve_bytes_;
  std::uint64_t available_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;  // since the file system was asked
  std::chrono::steady_clock::time_point asked_at_{};
};

}  // namespace pawl
