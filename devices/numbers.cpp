// SPDX-License-Identifier: Apache-2.0
#include "devices/numbers.hpp"

namespace pawl::devices {

std::string with_separators(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

}  // namespace pawl::devices
