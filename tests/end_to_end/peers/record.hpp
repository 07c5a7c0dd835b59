// SPDX-License-Identifier: Apache-2.0
// What a test peer leaves behind when it is killed: lines on stdout, each written whole at once,
// and a board of counters in a mapped file (tests/end_to_end/harness.py, Board).
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace pawl::test {

enum class Word : std::uint8_t { sent, confirmed, refused, started, finished };

class Record {
 public:
  // Without a path nothing is counted.
  explicit Record(const std::string& path) {
    if (path.empty()) return;
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    void* map = mmap(nullptr, 5 * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || map == MAP_FAILED) std::abort();
    close(fd);
    words_ = static_cast<std::atomic<std::uint64_t>*>(map);
  }

  void count(Word word) const {
    if (words_ != nullptr) ++words_[static_cast<std::size_t>(word)];
  }

  static void say(std::string line) {
    line += '\n';
    // A pipe takes up to PIPE_BUF bytes at once or not at all, so lines of threads do not mix.
    if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      std::abort();
    }
  }

 private:
  std::atomic<std::uint64_t>* words_ = nullptr;
};

}  // namespace pawl::test
