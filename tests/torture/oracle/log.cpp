// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/oracle/log.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

namespace pawl::torture {

std::string_view next_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::int64_t next_number(std::string_view& text) {
  const std::string_view word = next_word(text);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc() && end == word.data() + word.size() && !word.empty()) return number;
  throw std::runtime_error('"' + std::string(word) + "\" is no number");
}

Story Story::read(const std::string& folder) {
  Story story;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".log") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) story.read_file(path, path.stem());
  std::stable_sort(story.lines_.begin(), story.lines_.end(),
                   [](const Line& a, const Line& b) { return a.at_ns < b.at_ns; });
  return story;
}

void Story::read_file(const std::string& path, const std::string& name) {
  std::ifstream file(path, std::ios::binary);
  names_.push_back(name);
  texts_.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  const std::size_t first_line = lines_.size();
  std::string_view rest = texts_.back();
  // What stands behind the last end of a line was being written when its process was killed.
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos;) {
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const std::int64_t at = next_number(line);
    lines_.push_back({at, names_.size() - 1, line});
  }
  // Threads of one process may write in another order than they have read the clock.
  std::stable_sort(lines_.begin() + static_cast<std::ptrdiff_t>(first_line), lines_.end(),
                   [](const Line& a, const Line& b) { return a.at_ns < b.at_ns; });
  add_silences(first_line);
}

// A worker believes until what "alive" says; when that has passed without another one its hub may
// have given it up. The end of its log is its death or its farewell.
void Story::add_silences(std::size_t first_line) {
  const std::size_t process = names_.size() - 1;
  const std::size_t end = lines_.size();
  std::optional<std::int64_t> believed_until;
  for (std::size_t i = first_line; i < end; ++i) {
    std::string_view what = lines_[i].what;
    if (next_word(what) != "alive") continue;
    if (believed_until && *believed_until < lines_[i].at_ns) {
      lines_.push_back({*believed_until, process, "silent"});
    }
    believed_until = next_number(what);
  }
  if (!believed_until) return;
  // It has done nothing after its last line, so its death is there, whoever noticed it later.
  const std::int64_t last = lines_[end - 1].at_ns;
  lines_.push_back({last, process, "silent"});
  lines_.push_back({last, process, "lost"});
}

}  // namespace pawl::torture
