// SPDX-License-Identifier: Apache-2.0
// Messages made of a run's bytes: well formed, so that they pass the decoder and reach what lies
// behind it, and otherwise as wrong as can be. Ids that only the other side could know (tokens,
// leases, epochs) are taken from what was heard, mostly.
#pragma once

#include <vector>

#include "core/protocol/messages.hpp"
#include "core/wire_message.hpp"
#include "tests/fuzz/support/input.hpp"

namespace pawl::fuzzing {

// The latest few of each.
struct Heard {
  std::vector<Bytes16> tokens;
  std::vector<protocol::Deliver> delivers;  // their rows' leases and offsets
  std::vector<std::uint64_t> epochs;
  void note(const protocol::Message& message);
};

inline constexpr std::size_t commands = 18;

// The command numbered 1 … 18.
protocol::Message any_message(std::size_t command, Input& in, const Heard& heard);

// As many chunk frames as it announces, mostly right: entries, counts, now and then any bytes.
std::vector<Slice> any_frames(const protocol::Message& message, Input& in);

// `count` entries; a small one repeated if there are many.
Slice any_chunk(std::size_t count, Input& in);

// All that it carries.
inline std::size_t wire_bytes(const WireMessage& message) {
  std::size_t bytes = message.header.size();
  for (const Slice& frame : message.frames) bytes += frame.bytes().size();
  return bytes;
}

}  // namespace pawl::fuzzing
