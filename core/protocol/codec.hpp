// SPDX-License-Identifier: Apache-2.0
// The header frame:  [1, command, {uint: value}]  in MessagePack, ≤ 64 KiB. encode and decode are
// twins; both are plain functions.
#pragma once

#include <vector>

#include "core/protocol/messages.hpp"
#include "core/result.hpp"

namespace pawl::protocol {

// Fields at their default (0, false, empty, absent) are left out, except where the text says
// always.
std::vector<std::byte> encode(const Message& message);

// A streaming parse that never allocates more than the bounds of limits.hpp allow, whatever a
// length field claims. Refused with a Fault that names command and field: wrong version or command
// (unsupported), wrong type, range, count, missing required field, nesting, trailing bytes, an
// unknown field below 64 (bad_frame). Unknown fields from 64 on are skipped.
Result<Message> decode(Bytes header);

// How many chunk frames must follow this header; decode's caller compares.
std::size_t frames_expected(const Message& message);

}  // namespace pawl::protocol
