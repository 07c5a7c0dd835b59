// SPDX-License-Identifier: Apache-2.0
// PAWL/1's commands as plain values. The field numbers stand beside the members; docs/protocol.md
// is normative. A value that decode() returns has been checked once: types, ranges, lengths,
// counts. Strings and byte strings are views into the header frame that was decoded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "core/buffer.hpp"
#include "core/codes.hpp"
#include "core/random.hpp"

namespace pawl::protocol {

inline constexpr std::uint64_t version = 1;

enum class Command : std::uint8_t {
  hello = 1,
  welcome = 2,
  open = 3,
  opened = 4,
  send = 5,
  confirm = 6,
  refuse = 7,
  credit = 8,
  deliver = 9,
  settle = 10,
  settled = 11,
  beat = 12,
  recall = 13,
  query = 14,
  reply = 15,
  error = 16,
  goaway = 17,
  bye = 18,
};
std::string_view name_of(Command command);  // "HELLO"

enum class Role : std::uint8_t { producer = 1, worker = 2, reader = 3, pipe = 4 };

using pawl::Durability;

enum class Verb : std::uint8_t { ack = 1, nack = 2, reject = 3, give_back = 4, extend = 5 };

// A run of messages of one log and lane.
struct Range {
  std::uint32_t lane = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  auto operator<=>(const Range&) const = default;
};

struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
  auto operator<=>(const SequenceRange&) const = default;
};

// Opens or resumes a session. First message on every connection.
struct Hello {
  std::vector<std::uint64_t> versions;  // 0: offered, ascending
  std::string_view peer;                // 1: name for people: logs, history. ≤ 128 bytes
  std::optional<Bytes16> token;         // 2: resume this session
  std::uint64_t capabilities = 0;       // 3: reserved, 0
  std::uint32_t slots = 0;              // 4: most that are started at once; 0 = 256
  std::uint64_t got = 0;                // 5: highest DELIVER number received (resume)
  struct Held {
    std::uint32_t handle = 0;
    std::uint64_t lease = 0;
    Range range;
    bool operator==(const Held&) const = default;
  };
  std::vector<Held> held;    // 6: [[handle, lease, lane, offset, len]…] not yet SETTLED
  std::uint64_t number = 0;  // 7: 1, 2, 3 … of the peer's HELLOs; 0: it does not count them
  bool operator==(const Hello&) const = default;
};

struct Welcome {
  std::uint64_t version = 1;             // 0: chosen
  Bytes16 store_id{};                    // 1
  std::uint64_t boot = 0;                // 2: number of this opening of the store
  Bytes16 token{};                       // 3: secret; resumes this session
  bool resumed = false;                  // 4: the token in HELLO was known
  std::uint32_t lease_ms = 0;            // 5: L
  std::uint32_t beat_ms = 0;             // 6: send a BEAT at least this often
  std::uint32_t body_bytes_max = 0;      // 7
  std::uint32_t chunk_bytes_aim = 0;     // 8: pack up to this
  std::uint32_t chunk_messages_max = 0;  // 9
  std::int64_t hub_time_us = 0;          // 10
  bool operator==(const Welcome&) const = default;
};

// Opens a queue under a handle number of the peer's choice, for one role.
struct Open {
  std::uint32_t handle = 0;                    // 0: of this session, ≥ 1
  std::string_view name;                       // 1: the queue
  Role role = Role::producer;                  // 2
  std::string_view group;                      // 3: reserved; empty for a work queue
  std::string_view source;                     // 4: producer's name; required for role producer
  bool anonymous = false;                      // 5: source is a random id, not kept across restarts
  std::uint64_t epoch = 0;                     // 6: 0 = new incarnation; else go on with this epoch
  Durability durability = Durability::memory;  // 7: demanded at least
  bool operator==(const Open&) const = default;
};

struct Opened {
  std::uint32_t handle = 0;                    // 0
  std::uint64_t epoch = 0;                     // 1: of this producer; 0 for a worker
  std::uint64_t floor = 1;                     // 2: every sequence below was answered before
  std::vector<SequenceRange> known;            // 3: accepted at or above the floor
  Durability durability = Durability::memory;  // 4: what this hub's confirms mean
  std::uint32_t handler_timeout_ms = 0;        // 5: policy; 0 = no limit
  std::uint32_t max_attempts = 0;              // 6: policy
  std::uint32_t body_bytes_max = 0;            // 7: policy
  std::uint32_t backoff_initial_ms = 0;        // 8: policy, for a return with delay
  bool forgotten = false;  // 9: rows of idle producers were evicted since; a name
                           //    not known now may have been known once
  bool operator==(const Opened&) const = default;
};

// One chunk frame a part, in order.
struct Send {
  struct Part {
    std::uint32_t handle = 0;
    std::uint64_t epoch = 0;
    std::uint64_t floor = 0;  // lowest sequence not answered yet; ≤ seq
    std::uint64_t seq = 0;    // of the chunk's first message, ≥ 1
    std::uint32_t count = 0;
    std::uint32_t lane = 0;          // must be 0 in this version
    std::int64_t deliver_at_us = 0;  // must be 0 in this version
    std::uint32_t flags = 0;         // send_flags
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;  // 0
  bool atomic = false;      // 1: reserved, must be false in this version
  bool operator==(const Send&) const = default;
};
namespace send_flags {
inline constexpr std::uint32_t meta_matters = 1;     // some meta holds a field the hub acts on
inline constexpr std::uint32_t maybe_duplicate = 2;  // was sent to another store before
}  // namespace send_flags

struct Confirm {
  struct Row {
    std::uint64_t seq = 0;
    std::uint64_t length = 0;
    std::uint32_t lane = 0;
    std::uint64_t offset = 0;  // meaningless for a duplicate
    bool duplicate = false;
    bool operator==(const Row&) const = default;
  };
  std::uint32_t handle = 0;                    // 0
  Durability durability = Durability::memory;  // 1
  std::vector<Row> rows;                       // 2
  bool operator==(const Confirm&) const = default;
};

struct Refuse {
  struct Row {
    std::uint64_t seq = 0;
    std::uint64_t length = 0;
    Code code = Code::ok;
    std::string_view text;
    std::uint32_t retry_after_ms = 0;
    bool operator==(const Row&) const = default;
  };
  std::uint32_t handle = 0;  // 0
  std::vector<Row> rows;     // 1
  bool operator==(const Refuse&) const = default;
};

// Both directions. Totals since WELCOME: the other side may have sent so many messages and bytes of
// chunk, and may overdraw the bytes by one message. A producer's only grow; a worker's may fall.
struct Credit {
  std::uint32_t handle = 0;          // 0
  std::uint64_t messages_total = 0;  // 1
  std::uint64_t bytes_total = 0;     // 2
  bool operator==(const Credit&) const = default;
};

// Frames hold the rows' entries, in order (deliver_chunks.hpp). All rows under one lease id.
struct Deliver {
  struct Row {
    std::uint32_t lane = 0;
    std::uint64_t offset = 0;
    std::uint32_t count = 0;
    std::uint32_t attempt = 1;  // failures so far + 1
    std::uint32_t flags = 0;    // deliver_flags
    bool operator==(const Row&) const = default;
  };
  std::uint32_t handle = 0;  // 0
  std::uint64_t number = 0;  // 1: counts from 1 per session, across handles
  std::uint64_t lease = 0;   // 2: fencing token, grows within a store
  std::vector<Row> rows;     // 3
  bool operator==(const Deliver&) const = default;
};
namespace deliver_flags {
inline constexpr std::uint32_t redelivered = 1;    // may have been handed out before
inline constexpr std::uint32_t alone = 2;          // suspect: nothing else is held by this session
inline constexpr std::uint32_t with_previous = 4;  // in the frame of the row before
}  // namespace deliver_flags
constexpr bool is_with_previous(const Deliver::Row& row) {
  return (row.flags & deliver_flags::with_previous) != 0;
}

struct Settle {
  struct Row {
    Verb verb = Verb::ack;
    std::uint64_t lease = 0;
    std::uint32_t lane = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::optional<std::uint64_t> delay_ms;  // nack: instead of the policy's; give_back: counted
    std::string_view reason;
    bool operator==(const Row&) const = default;
  };
  std::uint32_t handle = 0;  // 0
  std::uint64_t number = 0;  // 1: counts from 1 per session, across handles
  std::vector<Row> rows;     // 2
  bool operator==(const Settle&) const = default;
};

struct Settled {
  struct Exception {
    std::uint64_t lease = 0;
    Range range;
    Code code = Code::stale;
    bool operator==(const Exception&) const = default;
  };
  std::uint32_t handle = 0;           // 0
  std::uint64_t upto = 0;             // 1: every SETTLE of this handle up to it is answered
  std::vector<Exception> exceptions;  // 2: [[lease, lane, offset, len, code]…]
  bool operator==(const Settled&) const = default;
};

struct Beat {
  std::uint64_t number = 0;         // 0: of the sender, counts from 1 per connection
  std::uint64_t echo = 0;           // 1: highest number received from the other side
  std::uint64_t received_upto = 0;  // 2: highest DELIVER number received (worker)
  std::uint64_t settled_upto = 0;   // 3: highest SETTLED.upto received (worker)
  bool operator==(const Beat&) const = default;
};

// Hub to worker: give back up to so many that were not started, latest first.
struct Recall {
  std::uint32_t handle = 0;    // 0
  std::uint64_t messages = 0;  // 1
  bool operator==(const Recall&) const = default;
};

struct Query {
  std::uint64_t id = 0;    // 0: chosen by the asker
  std::string_view what;   // 1: "stat"
  std::string_view after;  // 2: paging: names after this one
  bool operator==(const Query&) const = default;
};

// If the code is ok, followed by one frame of MessagePack, ≤ 1 MiB (docs/protocol.md,
// "Statistics").
struct Reply {
  std::uint64_t id = 0;   // 0
  Code code = Code::ok;   // 1
  std::string_view text;  // 2
  bool more = false;      // 3: ask again with after = the last name
  bool operator==(const Reply&) const = default;
};

struct Error {
  Code code = Code::bad_frame;  // 0
  std::string_view text;        // 1: names the field, the value, the remedy
  std::uint64_t about = 0;      // 2: the command that was answered so; 0 = none
  std::uint32_t handle = 0;     // 3: the handle it was about; 0 = none
  bool operator==(const Error&) const = default;
};

struct GoAway {
  std::string_view reason;           // 0
  std::uint32_t retry_after_ms = 0;  // 1
  bool operator==(const GoAway&) const = default;
};

// Ends the session at once: what it holds comes back uncounted.
struct Bye {
  bool operator==(const Bye&) const = default;
};

using Message = std::variant<Hello, Welcome, Open, Opened, Send, Confirm, Refuse, Credit, Deliver,
                             Settle, Settled, Beat, Recall, Query, Reply, Error, GoAway, Bye>;

}  // namespace pawl::protocol
