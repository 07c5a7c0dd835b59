// SPDX-License-Identifier: Apache-2.0
// What the processes of a torture have written (tests/torture/peers/oracle_log.hpp), as one story:
// all lines of all of them in order of time, with what only the reader can know, since it sees the
// whole: when a worker falls silent, and when its session is at an end.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::torture {

struct Line {
  std::int64_t at_ns = 0;
  std::size_t process = 0;
  std::string_view what;  // and its words, with a space between
};

class Story {
 public:
  // Every *.log of the folder; its name without .log is the process's. Throws std::runtime_error
  // that names the line that is none.
  static Story read(const std::string& folder);

  const std::vector<Line>& lines() const { return lines_; }
  const std::string& name_of(std::size_t process) const { return names_[process]; }

 private:
  void read_file(const std::string& path, const std::string& name);
  void add_silences(std::size_t first_line);

  std::vector<std::string> names_;
  std::deque<std::string> texts_;  // never move: the lines are views of them
  std::vector<Line> lines_;
};

// The next word, taken off `text`; empty at the end.
std::string_view next_word(std::string_view& text);
// The next word as a number; throws std::runtime_error if it is none.
std::int64_t next_number(std::string_view& text);

}  // namespace pawl::torture
