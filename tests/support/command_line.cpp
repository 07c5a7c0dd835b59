// SPDX-License-Identifier: Apache-2.0
#include "tests/support/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace pawl::testing {

struct CommandLine::App : CLI::App {
  using CLI::App::App;
};

CommandLine::CommandLine(const std::string& words) : app_(std::make_unique<App>(words)) {}
CommandLine::~CommandLine() = default;

template <class Value>
void CommandLine::add(const std::string& name, Value& into, const std::string& words,
                      const Check& check) {
  if constexpr (std::is_same_v<Value, bool>) {
    app_->add_flag(name, into, words);
  } else {
    auto* option = app_->add_option(name, into, words)->capture_default_str()->take_last();
    if (check) option->check(check);
  }
}

template <class Value>
void CommandLine::add_required(const std::string& name, Value& into) {
  app_->add_option(name, into)->required();
}

template void CommandLine::add(const std::string&, std::string&, const std::string&, const Check&);
template void CommandLine::add(const std::string&, int&, const std::string&, const Check&);
template void CommandLine::add(const std::string&, long&, const std::string&, const Check&);
template void CommandLine::add(const std::string&, unsigned&, const std::string&, const Check&);
template void CommandLine::add(const std::string&, std::uint64_t&, const std::string&,
                               const Check&);
template void CommandLine::add(const std::string&, double&, const std::string&, const Check&);
template void CommandLine::add(const std::string&, bool&, const std::string&, const Check&);
template void CommandLine::add_required(const std::string&, std::string&);
template void CommandLine::add_required(const std::string&, unsigned&);
template void CommandLine::add_required(const std::string&, long&);

void CommandLine::parse_or_exit(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app_->exit(error));
  }
}

CommandLine::Check one_of(const std::vector<std::string>& words) {
  return CLI::IsMember(words);
}

CommandLine::Check above(double least) {
  return [least](const std::string& text) {
    char* end = nullptr;
    const bool fits = std::strtod(text.c_str(), &end) > least && *end == '\0';
    return fits ? "" : text + " is not above " + std::to_string(least);
  };
}

CommandLine::Check between(double least, double most) {
  return CLI::Range(least, most);
}

}  // namespace pawl::testing
