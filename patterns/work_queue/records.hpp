// SPDX-License-Identifier: Apache-2.0
// The rows of the space `state`: their keys and values. docs/store.md, "Rows", is the map of them.
// To change a layout: raise format_version, keep the old reader, convert at open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/protocol/messages.hpp"
#include "patterns/work_queue/chunk_ref.hpp"
#include "patterns/work_queue/chunk_runs.hpp"
#include "patterns/work_queue/failing_message.hpp"
#include "patterns/work_queue/producer_set.hpp"

namespace pawl::records {

inline constexpr std::uint64_t format_version = 1;

using LogId = std::uint32_t;

// Keys ---------------------------------------------------------------------------------------
std::string hub_key();
std::string queue_key(std::string_view name);
std::string counters_key(LogId log);
std::string index_key(LogId log, std::uint64_t offset);
std::string active_key(LogId log, std::uint64_t chunk_offset);
std::string failure_key(LogId log, std::uint64_t offset);
std::string producer_key(LogId log, std::string_view source);
std::string session_key(std::uint64_t session);
std::string chunk_key(std::uint64_t chunk_id);

// The range of keys of one kind: [from, to).
struct KeyRange {
  std::string from;
  std::string to;
};
KeyRange all_queues();
KeyRange all_active(LogId log);
KeyRange all_failures(LogId log);
KeyRange all_producers(LogId log);
KeyRange all_sessions();
KeyRange index_from(LogId log, std::uint64_t offset);

std::string_view name_in_queue_key(std::string_view key);
std::string_view source_in_producer_key(std::string_view key);
std::uint64_t number_at_end(std::string_view key);  // offset or session of a key that ends in one

// Values -------------------------------------------------------------------------------------
// Read first. `boot` is raised and synced at every open; chunk, lease and session ids are
// boot << 40 | counter, so they ascend and are never used twice.
struct HubRow {
  std::uint64_t format = format_version;
  Bytes16 store_id{};
  std::uint64_t boot = 0;
  std::string machine_boot;  // the kernel's boot id when last opened
  bool clean = false;        // closed in order
  HubTime time_floor;
  Duration promised{};  // lease + margin that workers may still rely on
  bool operator==(const HubRow&) const = default;
};

struct QueueRow {
  LogId log = 0;
  bool is_dead_letter = false;  // dead messages were sent here: has no dead letters of its own
  bool operator==(const QueueRow&) const = default;
};

// Where a log ends, how far its group has scanned, and what was counted.
struct CountersRow {
  std::uint64_t tail = 0;        // the next offset
  std::uint64_t scanned_to = 0;  // every offset below was handed out at least once, or dropped
  std::uint64_t scan_chunk = 0;  // first offset of the chunk that holds scanned_to
  std::uint64_t bytes = 0;       // of chunks not yet deleted
  std::uint64_t accepted = 0, acked = 0, retried = 0, expired = 0, dead = 0, refused = 0;
  std::uint64_t live = 0;       // accepted and neither settled nor dead
  std::uint64_t forgotten = 0;  // idle producers whose rows were evicted
  bool operator==(const CountersRow&) const = default;
};

// A chunk partly settled or leased.
struct ActiveRow {
  struct Lease {
    std::uint64_t lease = 0;
    std::uint64_t session = 0;
    std::uint64_t number = 0;  // of the DELIVER that carried it
    bool operator==(const Lease&) const = default;
  };
  ChunkRef ref;
  std::vector<Lease> leases;  // ascending
  std::vector<Run> runs;
  bool operator==(const ActiveRow&) const = default;
};

struct ProducerRow {
  ProducerSet set;
  HubTime last_seen;
  bool operator==(const ProducerRow&) const = default;
};

struct SessionRow {
  Bytes16 token{};
  std::string peer;
  std::uint32_t slots = 0;
  bool operator==(const SessionRow&) const = default;
};

std::string encode(const HubRow& row);
std::string encode(const QueueRow& row);
std::string encode(const CountersRow& row);
std::string encode(const ChunkRef& ref);
std::string encode(const ActiveRow& row);
std::string encode(const FailingMessage& record);
std::string encode(const ProducerRow& row);
std::string encode(const SessionRow& row);

// Nothing for a value that this version did not write.
std::optional<HubRow> decode_hub(Bytes value);
std::optional<QueueRow> decode_queue(Bytes value);
std::optional<CountersRow> decode_counters(Bytes value);
std::optional<ChunkRef> decode_index(std::uint64_t offset, Bytes value);
std::optional<ActiveRow> decode_active(std::uint64_t offset, Bytes value);
std::optional<FailingMessage> decode_failure(Bytes value);
std::optional<ProducerRow> decode_producer(Bytes value);
std::optional<SessionRow> decode_session(Bytes value);

}  // namespace pawl::records
