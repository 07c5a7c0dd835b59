// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/peers/oracle_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/fate.hpp"

namespace pawl::test {
namespace {

int file = -1;

}  // namespace

void OracleLog::open(const std::string& path) {
  if (path.empty()) return;
  file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file >= 0) return;
  std::perror(path.c_str());
  std::exit(3);
}

bool OracleLog::is_open() {
  return file >= 0;
}

void OracleLog::write(const std::string& what) {
  if (file < 0) return;
  const std::string line =
      std::to_string(nanoseconds(std::chrono::steady_clock::now())) + ' ' + what + '\n';
  // A log with a hole in it would make the oracle say what is not so.
  if (::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return;
  std::perror("the oracle's log");
  std::abort();
}

std::string text_of(const std::string& name) {
  const std::uint64_t number = testing::number_of(name);
  const std::uint64_t size = number % 200 == 100 ? 30'000 : number * 7919 % 600;
  std::string text = name + ' ';
  if (text.size() < size) text.resize(size, static_cast<char>('a' + number % 26));
  return text;
}

std::string name_in(std::string_view text) {
  return std::string(text.substr(0, text.find(' ')));
}

}  // namespace pawl::test
