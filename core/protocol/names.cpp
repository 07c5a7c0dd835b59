// SPDX-License-Identifier: Apache-2.0
#include "core/protocol/names.hpp"

#include <string>

#include "core/limits.hpp"

namespace pawl::protocol {

namespace {

constexpr std::string_view remedy =
    " name is 1 to 128 characters of A-Z a-z 0-9 . _ and -, like orders or orders.dead";

// Not isalnum(): that one asks the locale.
bool is_allowed(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string shown(char c) {
  if (c > ' ' && c < 0x7f) return std::string("'") + c + "'";
  constexpr char digits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return c == ' ' ? "a space" : std::string("byte 0x") + digits[byte >> 4] + digits[byte & 15];
}

}  // namespace

Fault check_name(std::string_view what, std::string_view name) {
  const std::string subject = "the " + std::string(what) + " name ";
  const auto fault = [&](const std::string& wrong) {
    return Fault{Code::bad_name,
                 subject + wrong + "; a " + std::string(what) + std::string(remedy)};
  };
  if (name.empty()) return fault("is empty");
  if (name.size() > limits::name_bytes_max) {
    return fault("has " + std::to_string(name.size()) + " bytes");
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_allowed(name[i])) continue;
    return fault("has " + shown(name[i]) + " at position " + std::to_string(i + 1));
  }
  return {};
}

Fault check_queue_name(std::string_view name) {
  return check_name("queue", name);
}

}  // namespace pawl::protocol
