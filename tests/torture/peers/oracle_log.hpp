// SPDX-License-Identifier: Apache-2.0
// What a real peer tells the oracle (tests/torture/oracle): lines `NANOSECONDS WHAT …` of the
// machine's monotonic clock, each written whole at once, so that a peer which is killed has written
// all that it had seen. What is sent is written before it leaves, what is received before it is
// looked at: so the lines of all processes, sorted by time, are in an order of cause and effect.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::test {

class OracleLog {
 public:
  // The process's own; without a path nothing is written.
  static void open(const std::string& path);
  static bool is_open();
  static void write(const std::string& what);
};

inline std::int64_t nanoseconds(std::chrono::steady_clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

// The text of a message: its name, filled up to a length that follows from its number, so that the
// worker sees whether all of it has arrived.
std::string text_of(const std::string& name);
std::string name_in(std::string_view text);

}  // namespace pawl::test
