// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_log.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>

namespace pawl {

// What it warns of, a memtable that is flushed late say, is its daily life; errors are not.
void RocksLog::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (level < rocksdb::InfoLogLevel::WARN_LEVEL) return;
  std::array<char, 1024> line{};  // longer ones are cut
  std::vsnprintf(line.data(), line.size(), format, arguments);
  const bool is_warning = level == rocksdb::InfoLogLevel::WARN_LEVEL;
  spdlog::log(is_warning ? spdlog::level::info : spdlog::level::warn, "rocksdb: {}", line.data());
}

}  // namespace pawl
