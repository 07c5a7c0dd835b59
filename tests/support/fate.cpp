// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fate.hpp"

namespace pawl::testing {

std::uint64_t number_of(const std::string& body) {
  return std::stoull(body.substr(body.find(':') + 1));
}
std::string producer_of(const std::string& body) {
  return body.substr(0, body.find(':'));
}
bool is_anonymous(const std::string& body) {
  return body.find('~') != std::string::npos;
}

Fate fate_of(const std::string& body) {
  const std::uint64_t number = number_of(body);
  if (number % 80 == 41) return Fate::poison;
  if (number % 40 == 27) return Fate::rejected;
  if (number % 80 == 61) return Fate::always_nacked;
  return number % 10 == 3 ? Fate::acked_later : Fate::acked;
}

}  // namespace pawl::testing
