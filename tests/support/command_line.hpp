// SPDX-License-Identifier: Apache-2.0
// The options of a test's own programs. CLI11 reads them, and its headers are read in one file for
// all of these programs: they take six seconds each time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pawl::testing {

class CommandLine {
 public:
  // Says what is wrong with a value, or nothing.
  using Check = std::function<std::string(const std::string&)>;

  explicit CommandLine(const std::string& words);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // For std::string, int, long, unsigned, std::uint64_t, double and bool, which is a flag. What is
  // given twice counts as it was given last: ./dev puts its own before the user's.
  template <class Value>
  void add(const std::string& name, Value& into, const std::string& words = "",
           const Check& check = {});
  template <class Value>
  void add_required(const std::string& name, Value& into);

  // Ends the process after --help, and after a mistake, which was said.
  void parse_or_exit(int argc, char** argv);

 private:
  struct App;
  std::unique_ptr<App> app_;
};

CommandLine::Check one_of(const std::vector<std::string>& words);
CommandLine::Check above(double least);
CommandLine::Check between(double least, double most);

}  // namespace pawl::testing
