// SPDX-License-Identifier: Apache-2.0
// Group: who has what of a log. A pure machine: time, policy and randomness are handed in; what it
// decides is found in its rows (write_rows) and answers.
//
//              lease                    ack, reject past max ──> (settled: in no run)
//   fresh ───────────────> leased ──┬── nack, time-out ───────> delayed ──due──> ready | suspect
//     ^ scanned_to           ^  ^   ├── return, recall, bye ──> ready
//                            │  │   ├── session died ─────────> ready | suspect | delayed (alone)
//   ready ───────────────────┘  │   └── max_attempts ─────────> dying ──moved──> (settled, dead)
//   suspect ──(holder alone)────┘
//
// State is ranges: a chunk that nothing happened to costs nothing, one that was handed out and
// acked whole was one run in between. Only messages that something went wrong with have a
// FailingMessage.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pawl/policy.hpp>

#include "core/offset_map.hpp"
#include "core/protocol/messages.hpp"
#include "core/store/store.hpp"
#include "core/time.hpp"
#include "patterns/work_queue/due_times.hpp"
#include "patterns/work_queue/records.hpp"

namespace pawl {

using SessionId = std::uint64_t;
using LeaseId = std::uint64_t;

// The due time of a dead-letter queue's message that failed for good: it rests where it is.
inline constexpr HubTime rests_forever{std::int64_t{1} << 62};

// What a record takes of the bound on failing messages. A message that rests is no longer failing:
// it would hold its queue back for ever.
inline std::size_t counted_bytes(const FailingMessage& record) {
  return record.due == rests_forever ? 0 : record.bytes();
}

class Group {
 public:
  explicit Group(records::LogId log) : log_(log) {}
  // Moved, not copied: it knows places within itself.
  Group(Group&&) = default;
  Group& operator=(Group&&) = default;
  // From the start: nobody will restore this group from its rows.
  void leave_rows_out();

  // A run that could be handed out now.
  struct Candidate {
    ChunkRef ref;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t attempt = 1;
  };
  // The lowest ready run; the lowest suspect message.
  std::optional<Candidate> next_ready();
  std::optional<Candidate> next_suspect() const;

  struct Holder {
    LeaseId lease = 0;
    SessionId session = 0;
    std::uint64_t number = 0;  // of the DELIVER
    bool operator==(const Holder&) const = default;
  };
  // Hands [first, first + count) of `ref` to the holder (G2: every message must be ready, suspect,
  // or fresh at the scan; fresh ones move the scan).
  void lease(const ChunkRef& ref, std::uint32_t first, std::uint32_t count, const Holder& holder);

  // What a failure or an answer is judged by.
  struct Judge {
    const QueuePolicy& policy;
    Now now;
    std::string_view worker;  // peer name, for the history
    Random& random;
    bool rests_in_place = false;  // a dead-letter queue's messages are never moved on
  };
  // One row of a SETTLE by `session`. What was not held under that lease is told in `exceptions`.
  void settle(SessionId session, const protocol::Settle::Row& row, const Judge& judge,
              std::vector<protocol::Settled::Exception>& exceptions);

  // The session ended in order, or its peer no longer lists this lease: comes back uncounted.
  void release(LeaseId lease);
  // The same for what is not in `kept` (sorted ranges).
  void release_except(LeaseId lease, std::span<const protocol::Range> kept);
  // The session died (design, "Who is to blame"). `slots` is how many of its unsettled messages may
  // have been started; `alone` that this was the only message it held. Returns the slots left over
  // for its later leases.
  std::uint32_t on_death(LeaseId lease, std::uint32_t slots, bool alone, const Judge& judge);
  // The hub's own judgement on a handler that never answers; counts as a failure.
  void on_handler_timeout(LeaseId lease, const Judge& judge);

  // Moves what is due by now to ready or suspect.
  void wake_due(HubTime now);
  std::optional<HubTime> next_due() const;

  // Messages that wait to be moved to the dead letters, lowest first, and the move's other half.
  const std::set<std::uint64_t>& dying() const { return dying_; }
  const FailingMessage* record_of(std::uint64_t offset) const;
  void on_moved(std::uint64_t offset);
  // Overflow: the oldest message that nobody holds is to die. `fresh` is the chunk at the scan, if
  // known. False if there is none.
  bool condemn_oldest(const std::optional<ChunkRef>& fresh, const Judge& judge);

  // Chunks behind the scan of which at most a quarter is live: what is left of them, held or not,
  // pins the rest. `evacuate` gives each live run of one a chunk of its own (from `body`, its old
  // one, in the commit under way) at the same offset; the old chunk is then finished. Who holds
  // what stays as it is. Returns the bytes of the new ones.
  const std::set<std::uint64_t>& sparse() const { return sparse_; }
  std::uint64_t evacuate(std::uint64_t chunk_offset, const Slice& body,
                         std::uint64_t& next_chunk_id, Commit& commit);

  std::uint64_t scanned_to() const { return scanned_to_; }
  // First offset of the chunk in which the scan stands (for the index cursor after a restart).
  std::uint64_t scan_chunk() const { return scan_chunk_; }
  std::uint64_t count(RunState state) const;
  std::uint64_t held_by(SessionId session) const;
  std::uint64_t held_under(LeaseId lease) const;
  // Of the DELIVER that carried it to this session; 0 if it holds nothing under it.
  std::uint64_t number_of(SessionId session, LeaseId lease) const;
  std::uint64_t first_held(LeaseId lease);  // offset; something must be held under it
  std::size_t failing_bytes() const { return failing_bytes_; }
  std::uint64_t acked() const { return acked_; }
  std::uint64_t retried() const { return retried_; }
  std::uint64_t settled_count() const { return settled_; }  // acked or moved since the start
  const ChunkRef* chunk_of(std::uint64_t offset) const;
  // When the lowest message that could be handed out was stored; nothing if there is none.
  std::optional<HubTime> oldest_ready() const;

  // (session, lease) pairs of which nothing is held any more, since the last call.
  std::vector<Holder> take_ended();
  // Chunks of which everything is settled, since the last call.
  std::vector<ChunkRef> take_finished();
  void write_rows(Commit& commit);

  // Recovery: the rows as they were written.
  void restore(const records::CountersRow& row);
  void restore(const records::ActiveRow& row);
  void restore(std::uint64_t offset, FailingMessage record);
  std::vector<Holder> holders() const;           // of every lease of which something is held
  std::vector<SessionId> holders_alone() const;  // of what is handed out alone

  // Everything that the rows stand for, as text (HubMachine::digest), and what must hold between
  // the indexes after every event. group_digest.cpp.
  std::string digest() const;
  void check_invariants() const;

 private:
  struct ActiveChunk {
    ChunkRef ref;
    ChunkRuns runs{};
    std::array<std::uint32_t, 6> indexed{};  // the counts that totals_ and ready_chunks_ know of
    bool is_sparse = false;                  // is in sparse_
    bool is_dirty = false;                   // is in dirty_chunks_
  };
  struct Part {  // within one chunk when it was handed out, in absolute offsets
    std::uint64_t offset = 0;
    std::uint32_t count = 0;
    std::uint64_t end() const { return offset + count; }
  };
  struct Lease {
    Holder holder;
    std::uint64_t held = 0;
    std::vector<Part> parts;        // as handed out, less what is gone at their fronts; ascending
    mutable std::size_t found = 0;  // what part_after() said last: the next is near
    // Index of the first part that ends after `offset`.
    std::size_t part_after(std::uint64_t offset) const;
    // What is gone at a part's front is not walked over again; a hole further back may be.
    void trim(std::uint64_t offset, std::uint32_t count);
  };
  using Chunks = std::map<std::uint64_t, ActiveChunk>;
  struct Record : FailingMessage {
    bool has_row = false;   // in the store, or will have with the commit under way
    bool is_dirty = false;  // is in dirty_records_
    void reset() {
      FailingMessage::reset();
      has_row = is_dirty = false;
    }
  };
  // The chunk that holds `offset`; or the next one, if none does; or the end.
  Chunks::iterator chunk_from(std::uint64_t offset);
  Chunks::iterator chunk_at(std::uint64_t offset);
  void erase_chunk(Chunks::iterator chunk);
  void change(Chunks::iterator chunk, const Run& run, const Holder* holder);
  void change_single(std::uint64_t offset, RunState state);
  void await_due(std::uint64_t offset, const FailingMessage& record);
  void drop(std::uint64_t offset, std::uint32_t count);
  void unhold(const ActiveChunk& chunk, std::size_t at, std::uint32_t first, std::uint32_t count);
  void hold(const Holder& holder, const Part& part);
  void reindex(Chunks::iterator chunk);
  bool is_sparse(const ActiveChunk& chunk) const;
  void finish_if_done(Chunks::iterator chunk);
  const std::vector<Part>& held_parts(SessionId session, LeaseId lease, std::uint64_t offset,
                                      std::uint64_t length,
                                      std::vector<protocol::Settled::Exception>& exceptions);
  void extend(SessionId session, const protocol::Settle::Row& row,
              std::vector<protocol::Settled::Exception>& exceptions) const;
  std::vector<Part> parts_of(LeaseId lease);
  void parts_within(const Lease& lease, std::uint64_t offset, std::uint64_t end,
                    std::uint64_t messages_max, std::vector<Part>& held);
  Code why_not_held(std::uint64_t offset, std::uint64_t end);
  void apply_verb(const Part& part, const protocol::Settle::Row& row, const Judge& judge);
  void fail(std::uint64_t offset, FailureKind kind, std::string_view reason,
            std::optional<Duration> delay, const Judge& judge);
  void suspect(std::uint64_t offset, const Judge& judge);
  void give_back(const Part& part);
  void return_delayed(std::uint64_t offset, std::optional<Duration> delay, const Judge& judge);
  void delay_or_bury(std::uint64_t offset, FailingMessage& failed, std::optional<Duration> delay,
                     const Judge& judge, bool rejected = false);
  Record& record(std::uint64_t offset);
  void add_failure(FailingMessage& record, FailureKind kind, std::string_view reason,
                   const Judge& judge);
  void forget_record(std::uint64_t offset);
  void forget_place(std::uint64_t offset, const ChunkRuns& runs, std::size_t at);
  std::uint32_t attempt_of(std::uint64_t offset) const;
  void check_chunk(const ActiveChunk& chunk) const;
  void check_leases() const;

  records::LogId log_;
  std::uint64_t scanned_to_ = 0;
  std::uint64_t scan_chunk_ = 0;
  std::uint64_t acked_ = 0;
  std::uint64_t retried_ = 0;
  std::uint64_t settled_ = 0;

  Chunks active_;
  std::optional<Chunks::iterator> found_chunk_;  // what chunk_from() said last: the next is near
  std::array<std::uint64_t, 6> totals_{};
  std::set<std::uint64_t> ready_chunks_;
  std::set<std::uint64_t> sparse_;
  std::set<std::uint64_t> suspects_;
  std::set<std::uint64_t> dying_;
  DueTimes due_;  // who is delayed leaves it only when its time has come
  OffsetMap<Record> failing_;
  std::size_t failing_bytes_ = 0;

  std::map<LeaseId, Lease> leases_;
  std::map<SessionId, std::uint64_t> held_by_;

  bool keeps_rows_ = true;
  std::vector<Holder> ended_;
  std::vector<ChunkRef> finished_;
  std::set<std::uint64_t> dirty_chunks_;
  std::vector<std::uint64_t> dirty_records_;
  std::vector<std::uint64_t> gone_records_;  // their rows are to be deleted
  // What has a row in the store, or will have with the commit under way.
  std::set<std::uint64_t> chunk_rows_;
  std::vector<Part> held_parts_;  // of the settle under way: its memory is used again
};

}  // namespace pawl
