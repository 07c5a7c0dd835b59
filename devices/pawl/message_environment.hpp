// SPDX-License-Identifier: Apache-2.0
// What a command finds of its message in its environment. Headers are anybody's bytes, so nothing
// of them may become another variable than one that begins with PAWL_HEADER_.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pawl/message.hpp>

namespace pawl::devices {

struct MessageAbout {
  std::string id{};
  std::string queue{};
  std::uint32_t attempt = 1;
  Headers headers{};
  std::string origin{};  // of a dead letter: where it died; empty: it is none
  std::string reason{};  // and why
};

// "NAME=VALUE" of everything that a command gets: `inherited` (as environ) without what it may hold
// of another message, then PAWL_ID, PAWL_QUEUE, PAWL_ATTEMPT, PAWL_HEADER_*, and of a dead letter
// PAWL_ORIGIN and PAWL_REASON. A value ends at its first NUL. Of several headers whose names make
// the same variable the one whose name is first, byte by byte, is told: "a-b" before "a_b".
std::vector<std::string> message_environment(const MessageAbout& message,
                                             const char* const* inherited);

// "content-type" → "PAWL_HEADER_CONTENT_TYPE": ASCII letters in capitals, digits as they are, every
// other byte an underscore.
std::string header_variable(const std::string& name);

}  // namespace pawl::devices
