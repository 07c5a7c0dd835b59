// SPDX-License-Identifier: Apache-2.0
// What a hub knows of one peer. The connection may come and go; the session lives until its
// deadline, its peer's BYE, or the hub's end, and leases are of sessions.
//
//   HELLO ──> open ──(silent for lease + margin)──> died: what it held is judged (G3)
//              │ ^
//   connection │ │ HELLO with the token: resumed, what the peer no longer holds is freed
//      lost    v │
//             away ──(the same deadline)──> died
//   BYE ──> ended: what it held comes back uncounted
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/protocol/messages.hpp"
#include "core/protocol/sequence_ranges.hpp"
#include "core/time.hpp"
#include "patterns/work_queue/group.hpp"

namespace pawl {

using records::LogId;

// A queue that a session has opened under a number of its choice.
struct Handle {
  std::uint32_t number = 0;
  LogId queue = 0;
  protocol::Role role = protocol::Role::producer;

  // Producer. Totals since WELCOME, as in CREDIT.
  std::string source;
  std::uint64_t epoch = 0;         // 0 while the producer's row is being read
  std::uint64_t wanted_epoch = 0;  // what OPEN asked to go on with
  std::uint64_t row_read = 0;      // the read under way for that row
  std::uint64_t granted_messages = 0, granted_bytes = 0;
  std::uint64_t used_messages = 0, used_bytes = 0;
  // Transiently refused (2xx): each later sequence is refused until the lowest of these has come
  // again, or the floor has passed it (G4). Then the next one is due.
  SequenceRanges refused;
  std::vector<protocol::Confirm::Row> confirms;  // wait for the commit under way

  // Worker. Totals since WELCOME, as in CREDIT.
  std::uint64_t credit_messages = 0, credit_bytes = 0;
  std::uint64_t delivered_messages = 0, delivered_bytes = 0;
  std::optional<std::uint64_t> settled_upto;  // to be answered with the commit under way
  std::uint64_t answered_upto = 0;            // by the SETTLEDs before
  std::vector<protocol::Settled::Exception> exceptions;
  Instant recalled_at{};
};

struct Session {
  SessionId id = 0;
  Bytes16 token{};
  std::string peer;
  std::uint32_t slots = 0;
  std::string connection;          // routing id; empty while away
  std::uint64_t hello_number = 0;  // of the last one
  Instant deadline{};
  bool heard = false;          // since the last tick
  Instant indexed_deadline{};  // as in the hub's index: not later than the deadline
  bool has_row = false;        // a worker: survives a restart of the hub
  std::map<std::uint32_t, Handle> handles;

  std::uint64_t beats_sent = 0;
  std::uint64_t next_deliver = 1;
  std::optional<std::uint64_t> settle_number;  // the last one of this connection, if that is known
  std::uint64_t received_upto = 0;
  // Bodies sent to libzmq and not known to have been read: it would keep them for ever (G6).
  std::uint64_t sent_bytes = 0, received_bytes = 0;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> unreceived;  // number, sent_bytes with it

  std::map<LeaseId, LogId> leases;  // of which something is held, in the order of delivery
  bool alone = false;               // holds a suspect, and gets nothing else
  LogId running_dry_for = 0;  // gets nothing more, so that it can take a suspect of this queue

  // The oldest message it holds, since when that has been so, and for how much of that nobody could
  // be heard: a handler that never answers.
  std::uint64_t oldest_offset = 0;
  LeaseId oldest_lease = 0;
  Instant oldest_since{};
  Duration oldest_silence{};

  void restart_oldest(Instant now) {
    oldest_since = now;
    oldest_silence = {};
  }
  // Slots whose handlers took too long and have said nothing since: nobody can begin anything
  // there.
  std::uint32_t stuck = 0;

  bool is_connected() const { return !connection.empty(); }
  bool is_stuck() const { return stuck >= slots; }
  bool may_deliver() const {
    return is_connected() && !is_stuck() &&
           next_deliver <= received_upto + limits::delivers_unreceived_max &&
           sent_bytes - received_bytes <= limits::unreceived_bytes_max;
  }
  // The peer has read every DELIVER up to this number.
  void on_received(std::uint64_t number) {
    if (number >= next_deliver || number <= received_upto) return;
    received_upto = number;
    while (!unreceived.empty() && unreceived.front().first <= number) {
      received_bytes = unreceived.front().second;
      unreceived.pop_front();
    }
  }
  Handle* handle_of(LogId queue, protocol::Role role) {
    for (auto& [number, handle] : handles) {
      if (handle.queue == queue && handle.role == role) return &handle;
    }
    return nullptr;
  }
};

}  // namespace pawl
