// SPDX-License-Identifier: Apache-2.0
#include "devices/command_line.hpp"

#include "core/chunk/text.hpp"
#include "core/transport/endpoint.hpp"
#include "devices/config.hpp"

namespace pawl::devices {

constexpr std::size_t quoted_bytes_max = 128;

std::string refuse_missing(const std::string& text) {
  if (text.empty()) return "\"\" is empty: give a value, or leave the option out";
  if (text.starts_with("--")) return quoted(text) + " is an option: give a value before it";
  return "";
}

std::string refuse_bad_name(const std::string& text) {
  if (is_name(text)) return "";
  return quoted(text) + " is no name: 1 to 128 characters of A-Z a-z 0-9 . _ -";
}

std::string refuse_bad_bind(const std::string& text) {
  return text.empty() ? refuse_missing(text) : transport::check_endpoint(text, true).text;
}

std::string refuse_bad_endpoint(const std::string& text) {
  return text.empty() ? refuse_missing(text) : transport::check_endpoint(text, false).text;
}

std::string quoted(const std::string& text) {
  return '"' + clean_text(text, quoted_bytes_max) + '"';
}

}  // namespace pawl::devices
