// SPDX-License-Identifier: Apache-2.0
// PAWL/1's answer codes and what a confirm is worth. docs/protocol.md, section "Codes", is
// normative.
#pragma once

#include <cstdint>
#include <string_view>

namespace pawl {

enum class Code : std::uint16_t {
  ok = 0,
  // 1xx: yours, and permanent.
  bad_frame = 100,
  unsupported = 101,
  too_large = 102,
  bad_name = 103,
  denied = 104,
  no_queue = 105,       // strict device, queue not configured
  no_durability = 106,  // the store cannot give what was demanded
  // 2xx: try later.
  full = 200,
  no_space = 201,
  retry = 202,
  draining = 203,
  // 3xx: facts.
  stale = 300,
  already_settled = 301,
  fenced = 302,
  gone = 303,
  unknown_session = 304,
};

// "FULL" for Code::full; "UNKNOWN" for a number that PAWL/1 does not define.
std::string_view name_of(Code code);

// What a confirm is worth (G1), weakest first: lost with the hub's process; survives kill -9 of it;
// survives power loss; survives the loss of the machine.
enum class Durability : std::uint8_t { memory = 1, written = 2, synced = 3, replicated = 4 };

}  // namespace pawl
