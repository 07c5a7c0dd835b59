// SPDX-License-Identifier: Apache-2.0
// The header frame:  [1, command, {uint: value}]  in MessagePack, ≤ 64 KiB. encode and decode are
// twins; both are plain functions.
#pragma once

#include <cstddef>
#include <vector>

#include "core/protocol/messages.hpp"
#include "core/result.hpp"

namespace pawl::protocol {

// Fields at their default (0, false, empty, absent) are left out, except where docs/protocol.md
// says always; texts and reasons are made valid UTF-8 and cut to limits::reason_bytes_max. The
// caller keeps lists within limits::rows_max (frames_max for SEND and DELIVER) and the whole within
// header_bytes_max, which encoded_bytes_max() is for: going past either is our own bug and a CHECK.
std::vector<std::byte> encode(const Message& message);

// The most that a row takes in a header. Rows without texts always fit, rows_max of them.
inline constexpr std::size_t header_overhead_max = 256;
constexpr std::size_t encoded_bytes_max(const Settle::Row& row) {
  return 48 + row.reason.size();
}
constexpr std::size_t encoded_bytes_max(const Refuse::Row& row) {
  return 32 + row.text.size();
}

// A streaming parse that never allocates more than the bounds of limits.hpp allow, whatever a
// length field claims. Refused with a Fault that names command and field: wrong version or command
// (unsupported), wrong type, range, count, missing required field, nesting, trailing bytes, an
// unknown field below 64 (bad_frame). Unknown fields from 64 on are skipped.
Result<Message> decode(Bytes header);

// How many frames must follow this header (a REPLY has one if its code is ok, else none); decode's
// caller compares.
std::size_t frames_expected(const Message& message);

}  // namespace pawl::protocol
