// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_log.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace pawl {

// What it warns of, a memtable that is flushed late say, is its daily life; errors are not.
void RocksLog::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (level < rocksdb::InfoLogLevel::WARN_LEVEL) return;
  std::array<char, 1024> line{};  // longer ones are cut
  std::vsnprintf(line.data(), line.size(), format, arguments);
  // Recovery stops at a damaged record of the WAL, and only this line tells of it (7.8.3).
  if (std::strstr(format, "dropping %d bytes") != nullptr) {
    spdlog::warn(
        std::string("the store's log is damaged: what was written behind that place is lost. "
                    "Unless this machine has lost its power just now, that may be messages that "
                    "were confirmed, and its disk should be looked at (") +
        line.data() + ')');
    return;
  }
  const bool is_warning = level == rocksdb::InfoLogLevel::WARN_LEVEL;
  spdlog::log(is_warning ? spdlog::level::info : spdlog::level::warn,
              std::string("rocksdb: ") + line.data());
}

}  // namespace pawl
