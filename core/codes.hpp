// SPDX-License-Identifier: Apache-2.0
// What core adds to the public list of codes.
#pragma once

#include <string>

#include <pawl/codes.hpp>

namespace pawl {

constexpr bool is_transient(Code code) {
  return static_cast<int>(code) >= 200 && static_cast<int>(code) < 300;
}

// What was wrong with something that came from outside, as a value: nothing is thrown at a peer.
struct Fault {
  Code code = Code::ok;
  std::string text;  // names the field, the value and the remedy
};

}  // namespace pawl
