// SPDX-License-Identifier: Apache-2.0
// Where RocksDB's warnings go: into our own log, not into a file beside the data. A file of its own
// ends the process on a full disk: Debian's RocksDB is built with assertions, and its logger trips
// one with the first line after a write that failed.
#pragma once

#include <rocksdb/env.h>

namespace pawl {

class RocksLog final : public rocksdb::Logger {
 public:
  RocksLog() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::WARN_LEVEL, format, arguments);
  }
  void LogHeader(const char*, va_list) override {}  // its options, hundreds of lines
};

}  // namespace pawl
