// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/message_environment.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace pawl::devices {
namespace {

constexpr std::string_view header_prefix = "PAWL_HEADER_";
constexpr std::string_view own_names[] = {"PAWL_ID", "PAWL_QUEUE", "PAWL_ATTEMPT", "PAWL_ORIGIN",
                                          "PAWL_REASON"};

bool is_own(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  return name.starts_with(header_prefix) ||
         std::find(std::begin(own_names), std::end(own_names), name) != std::end(own_names);
}

// Not toupper(): that one asks the locale.
char variable_character(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
  const bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return plain ? c : '_';
}

}  // namespace

std::string header_variable(const std::string& name) {
  std::string variable(header_prefix);
  std::transform(name.begin(), name.end(), std::back_inserter(variable), variable_character);
  return variable;
}

std::vector<std::string> message_environment(const MessageAbout& message,
                                             const char* const* inherited) {
  std::vector<std::string> variables;
  for (; *inherited != nullptr; ++inherited) {
    if (!is_own(*inherited)) variables.emplace_back(*inherited);
  }
  const auto set = [&](const std::string& name, const std::string& value) {
    variables.push_back(name + "=" + value.substr(0, value.find('\0')));
  };
  set("PAWL_ID", message.id);
  set("PAWL_QUEUE", message.queue);
  set("PAWL_ATTEMPT", std::to_string(message.attempt));
  std::set<std::string> told;
  for (const auto& [name, value] : message.headers) {
    const std::string variable = header_variable(name);
    if (told.insert(variable).second) set(variable, value);
  }
  if (message.origin.empty()) return variables;
  set("PAWL_ORIGIN", message.origin);
  set("PAWL_REASON", message.reason);
  return variables;
}

}  // namespace pawl::devices
