// SPDX-License-Identifier: Apache-2.0
// An entry's meta: what a message carries beside its body. The hub checks that it is well formed
// and otherwise leaves it alone; it writes one only when it moves a message to a dead-letter queue.
//
//    1 key bin        2 headers {str: str}      3 created µs            4 expires µs
//    5 dedup id bin   6 reply_to str            7 retry override map
//    8 origin [queue str, lane uint, offset uint]
//    9 history [[at µs, worker str, reason str, kind uint]…]
//   10 failures dropped from history uint
//   keys from 64 on: optional, skipped when unknown
//   times are µs since 1970, never negative; no key stands twice       (docs/protocol.md, "Meta")
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace pawl {

enum class FailureKind : std::uint8_t {
  nack = 1,
  timeout = 2,
  death = 3,
  reject = 4,
  overflow = 5
};

// "nack", "timeout", …
std::string_view name_of(FailureKind kind);

struct Failure {
  HubTime at;
  std::string worker;  // the peer name that its HELLO gave
  std::string reason;
  FailureKind kind = FailureKind::nack;
  bool operator==(const Failure&) const = default;
};

struct Origin {
  std::string queue;
  std::uint32_t lane = 0;
  std::uint64_t offset = 0;
  bool operator==(const Origin&) const = default;
};

struct Meta {
  std::string key;
  std::map<std::string, std::string> headers;
  std::optional<HubTime> created;
  std::optional<HubTime> expires;
  std::string dedup_id;
  std::string reply_to;
  std::optional<Origin> origin;
  std::vector<Failure> history;
  std::uint64_t history_dropped = 0;
  // Fields this version does not interpret (7, ≥ 64), encoded key and value, kept in order so that
  // a dead-lettered message still carries them.
  std::vector<std::byte> others;
  std::uint32_t others_count = 0;

  bool operator==(const Meta&) const = default;
};

// Empty for a meta with nothing in it (encoded as nil by ChunkBuilder). Reasons and worker names
// are cleaned and cut to their bounds; the caller keeps the whole within limits::meta_bytes_max.
std::vector<std::byte> encode_meta(const Meta& meta);

// `bytes` is a well-formed map (check_chunk passed it) or empty. A known key with a value of the
// wrong type is a Fault that names the key.
Result<Meta> decode_meta(Bytes bytes);

// The meta of a message that moves to a dead-letter queue: `bytes` (well formed, or empty) with its
// origin and history (keys 8 to 10) replaced. Never fails, since a message with wrong fields must
// find its way there too: every other field is carried as it is. What would not fit into
// meta_bytes_max or history_max is dropped, oldest failures first, and counted in key 10.
std::vector<std::byte> dead_letter_meta(Bytes bytes, const Origin& origin,
                                        std::span<const Failure> history, std::uint64_t dropped);

}  // namespace pawl
