// SPDX-License-Identifier: Apache-2.0
// HubMachine: sessions, queues and what passes between them, over the rows of one store. Pure: the
// turn (hub_loop.cpp, which the shell drives, or a simulation) hands in messages, time, store
// events and randomness, and takes out one commit a turn with the messages that wait for it.
//
//   on_message ─┐                       ┌─> commit ──> store ──> on_committed
//   on_page    ─┼─> state, staged rows ─┤
//   tick       ─┘      (seal)           └─> gated messages, sent when that commit is done
//
// Files in the order a message takes: hub_sessions.cpp, hub_queues.cpp, hub_producers.cpp,
// hub_dispatch.cpp, hub_workers.cpp, hub_dead_letters.cpp, hub_seal.cpp; hub_recovery.cpp,
// hub_housekeeping.cpp, hub_stat.cpp, hub_digest.cpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pawl/hub.hpp>

#include "core/random.hpp"
#include "core/store/store.hpp"
#include "core/time.hpp"
#include "core/wire_message.hpp"
#include "patterns/hub/deliver_frames.hpp"
#include "patterns/hub/queue.hpp"
#include "patterns/hub/session.hpp"
#include "patterns/work_queue/chunk_cache.hpp"

namespace pawl {

class PackWriter;

struct HubConfig {
  HubTiming timing;
  QueuePolicy defaults;
  std::map<std::string, QueuePolicy> queues;
  bool strict = false;
  protocol::Durability durability = protocol::Durability::memory;
  std::uint64_t seed = 1;
};

class HubMachine {
 public:
  // Reads the rows, raises the boot number and waits until that is synced. `machine_boot` is the
  // kernel's boot id: another one without a clean end before means that unsynced leases may be
  // gone, and nothing is handed out for lease + margin (G2).
  static Result<std::unique_ptr<HubMachine>> recover(HubConfig config, Store& store,
                                                     Entropy& entropy, std::string machine_boot,
                                                     Now now);

  // Events ---------------------------------------------------------------------------------
  void on_message(RoutedMessage received, Now now);
  // After each turn, what of it could not be sent: the connections are gone, or their peers do not
  // read. The sessions are away, and what was handed out so is free again at once.
  void on_unsent(const std::vector<RoutedMessage>& messages);
  // The socket was closed: nobody is connected.
  void on_socket_lost();
  // False for a row that this version cannot have written: the store is damaged.
  bool on_page(const Page& page);
  // What a read was for, for people.
  std::string read_under(std::uint64_t tag) const;
  void on_committed();
  // `now` is read after the socket was drained: what came in while it was read came before that, so
  // that no lease runs out here sooner than its worker believes (G2).
  // `socket_was_empty`: the last drain left nothing behind, so silence is the peer's.
  void tick(Now now, bool socket_was_empty);
  // For so long nobody could be heard: the socket was not read, because the commit under way is
  // slow.
  void postpone(Duration by);
  std::optional<Duration> time_to_next_deadline(Now now);
  void set_free_bytes(std::uint64_t free_bytes);

  // Effects --------------------------------------------------------------------------------
  // What may go at once, whatever the store does: beats and errors.
  std::vector<RoutedMessage> take_at_once() { return std::exchange(at_once_, {}); }
  std::vector<ReadRequest> take_reads() { return std::exchange(reads_, {}); }
  // Sentences for the log: what a person who runs the hub would want to have been told (G7).
  struct Note {
    LogLevel level = LogLevel::info;
    std::string text;
  };
  std::vector<Note> take_notes();
  // Only when no commit is under way. Hands out, makes the rows of everything since the last call,
  // and the messages that must wait until they are stored. An empty commit needs no waiting.
  struct Sealed {
    Commit commit;
    std::vector<RoutedMessage> gated;
  };
  Sealed seal(Now now);
  // Something waits for the next seal.
  bool has_work() const { return !touched_.empty() || !gated_.empty() || !dirty_sessions_.empty(); }
  // Bytes that the next commit already holds; above limits::commit_bytes_max / 2 take no more in.
  // What peers are to be told then counts too: questions cost a peer less than their answers cost
  // us.
  std::size_t staged_bytes() const { return staged_bytes_ + gated_bytes_; }

  // What is gated, without a commit: only when the machine is dropped after a failed one.
  std::vector<RoutedMessage> take_gated() { return std::exchange(gated_, {}); }

  // The hub is going: tells every peer. The caller seals, commits, sends.
  void announce_end(std::string_view reason, std::uint32_t retry_after_ms);
  // The row that says so; the last commit.
  Commit clean_end(Now now);

  // Reading ----------------------------------------------------------------------------------
  std::size_t failing_bytes() const { return failing_bytes_; }
  std::size_t session_count() const { return sessions_.size(); }
  std::size_t queue_count() const { return queues_.size(); }
  std::size_t bodies_in_memory() const { return cache_.bytes(); }  // bytes at hand beside the store
  std::map<std::string, QueueNumbers> numbers() const;             // of every queue
  std::uint64_t boot() const { return hub_row_.boot; }
  HubTime time_floor() const { return hub_row_.time_floor; }
  // Everything that rows stand for, as text: two machines with the same text go on in the same way.
  std::string digest() const;
  // The rows of producers in memory that are not to be written any more: as the store must hold
  // them.
  std::vector<Put> settled_producer_rows() const;
  void check_invariants() const;

 private:
  HubMachine(HubConfig config, Entropy& entropy)
      : config_(std::move(config)),
        entropy_(entropy),
        random_(config_.seed),
        cache_(limits::chunk_cache_bytes) {}

  // hub_sessions.cpp
  void on_decoded(Session& session, const protocol::Message& message, RoutedMessage& received,
                  Now now);
  void on_hello(const protocol::Hello& hello, const std::string& connection, Now now);
  void resume(Session& session, const protocol::Hello& hello);
  Session& start_session(const protocol::Hello& hello);
  void on_open(Session& session, const protocol::Open& open, Now now);
  void on_beat(Session& session, const protocol::Beat& beat);
  void close_handles(Session& session);
  void take_back(LeaseId lease);
  void end_session(SessionId id, bool died, Now now);
  void expire_sessions(Now now, bool socket_was_empty);
  void hear(Session& session, Now now);
  void touch(Session& session, Now now);
  void excuse_silence(Session& session, Instant now);
  // Later, if nobody could be heard since.
  Instant last_heard(const Session& session) const { return session.deadline - lease_and_margin(); }
  void index_deadline(Session& session);
  void bind_connection(Session& session, const std::string& connection);

  // hub_producers.cpp
  void open_producer(Session& session, Handle& handle, const protocol::Open& open, Now now);
  bool on_producer_row(SessionId session, std::uint32_t handle, const Page& page);
  void finish_open(Session& session, Handle& handle, Now now);
  void on_send(Session& session, const protocol::Send& send, const std::vector<Slice>& frames,
               Now now);
  void on_part(Session& session, Handle& handle, const protocol::Send::Part& part,
               const Slice& chunk, Now now);
  Fault judge_part(const Queue& queue, const Handle& handle, const protocol::Send::Part& part,
                   const Slice& chunk) const;
  void accept_part(Session& session, Handle& handle, const protocol::Send::Part& part,
                   const Slice& chunk);
  void refuse(Session& session, Handle& handle, std::uint64_t seq, std::uint64_t length,
              const Fault& fault);
  void add_confirm(Session& session, Handle& handle, const protocol::Confirm::Row& row);
  void grant_credit(Queue& queue);

  // hub_workers.cpp
  void on_credit(Session& session, const protocol::Credit& credit);
  void on_settle(Session& session, const protocol::Settle& settle, Now now);
  void note_late_outcome(Session& session, const protocol::Settle::Row& row);
  void check_handlers(Session& session, Now now);
  void release_all(Session& session);
  void recall_for_idle(Queue& queue, Now now);
  void note_ended(Queue& queue);
  Group::Judge judge(const Queue& queue, std::string_view worker, Now now) {
    return {queue.policy, now, worker, random_, rests_in_place(queue)};
  }
  // A dead-letter queue has no dead letters of its own.
  static bool rests_in_place(const Queue& queue) {
    return queue.is_dead_letter || queue.dead_letter_name() == queue.name;
  }

  // hub_dispatch.cpp
  struct Supply;  // what of a queue can be handed out next, with its body
  enum class Filled : std::uint8_t { all, no_credit, no_body, nothing };
  void dispatch(Queue& queue);
  void hand_out(Queue& queue);
  void read_ahead(Queue& queue);
  void dispatch_suspects(Queue& queue);
  void hand_out_suspects(Queue& queue);
  std::vector<Queue::HandleKey> takers(Queue& queue, std::uint64_t most);
  Filled fill(Queue& queue, Session& session, Handle& handle, std::uint64_t messages_max);
  Filled next_supply(Queue& queue, Supply& supply);
  bool fails_too_much(const Queue& queue) const;
  bool is_just_recalled(const Handle& handle) const;
  std::uint64_t may_hold(const Queue& queue, const Session& session, const Handle& handle) const;
  const ChunkRef* at_scan(Queue& queue);
  const Slice* body_of(Queue& queue, const ChunkRef& ref);
  void want_chunk(LogId queue, std::uint64_t chunk_id);
  struct PendingRead;
  bool on_missing_chunk(const PendingRead& read);
  void deliver(Queue& queue, Session& session, Handle& handle, protocol::Deliver& message,
               std::vector<Slice> frames);

  // hub_dead_letters.cpp
  void move_dying(Queue& queue);
  bool move_one(Queue& queue, std::uint64_t offset);
  void drop_oldest_over_limit(Queue& queue, Now now);

  // hub_seal.cpp
  void answer_peers();
  void confirm(Session& session, Handle& handle);
  void write_queue_rows(Queue& queue, Commit& commit);
  void write_counters(Queue& queue, Commit& commit);
  void write_producer_rows(Queue& queue, Commit& commit);
  void write_session_rows(Commit& commit);

  // hub_housekeeping.cpp
  void watch_sparse(Queue& queue, Now now);
  void evacuate_sparse(Queue& queue, std::size_t& spent, Commit& commit);
  void sweep_producers(Now now);
  bool on_producer_rows(const Page& page, LogId log);

  // hub_stat.cpp
  void on_query(Session& session, const protocol::Query& query, Now now);
  void pack_device(PackWriter& out, Now now) const;
  void pack_queue(PackWriter& out, const Queue& queue, Now now) const;

  // hub_recovery.cpp
  Fault read_hub_row(Store& store, std::string machine_boot);
  Fault read_queues(Store& store);
  Fault read_queue(Store& store, Queue& queue);
  static Fault check_chunk_at_scan(Store& store, const Queue& queue);
  Fault read_sessions(Store& store);
  Fault begin_boot(Store& store, Now now);

  // hub_digest.cpp
  void check_sessions() const;
  void check_queue(const Queue& queue) const;

  // hub_queues.cpp
  Queue* find_queue(std::string_view name);
  Queue& make_queue(std::string_view name);
  bool is_default_dead_letter(std::string_view name) const;
  bool is_configured(std::string_view name) const;
  bool has_dead_letter_name(std::string_view name) const;

  // Shared small parts.
  Session* find_session(SessionId id);
  std::uint64_t room(const Queue& queue) const;
  void tell(const Session& session, const protocol::Message& message,
            std::vector<Slice> frames = {});
  void note(LogLevel level, std::string sentence);
  void tell_error(const Session& session, Code code, std::string text, protocol::Command about,
                  std::uint32_t handle = 0);
  Duration lease_and_margin() const { return config_.timing.lease + config_.timing.margin; }
  std::uint64_t next_id() { return hub_row_.boot << 40 | counter_++; }

  HubConfig config_;
  Entropy& entropy_;
  Random random_;
  records::HubRow hub_row_;
  std::uint64_t counter_ = 1;        // low part of session and lease ids of this boot
  std::uint64_t next_chunk_id_ = 0;  // a counter of their own: neighbours in a log are near in id

  std::map<SessionId, Session> sessions_;
  std::map<std::string, SessionId> by_connection_;
  std::map<Bytes16, SessionId> by_token_;
  std::set<std::pair<Instant, SessionId>>
      deadlines_;                 // lazy: a session's real deadline may be later
  std::vector<SessionId> heard_;  // since the last tick
  std::set<SessionId> dirty_sessions_;
  std::vector<SessionId> gone_rows_;

  std::map<LogId, Queue> queues_;
  std::map<std::string, LogId, std::less<>> by_name_;
  LogId next_log_ = 1;
  std::set<LogId> touched_;    // something happened since the last seal
  std::set<LogId> again_;      // more is to be done in the next one
  std::vector<LogId> sealed_;  // whose appends are in the commit under way
  // Whose DELIVER waits for the commit under way, and whose is just being sent: nobody has them
  // yet.
  std::map<LeaseId, SessionId> waiting_leases_, sending_leases_;
  std::set<Queue::HandleKey> answering_;  // have confirms or settles to be answered
  std::set<std::pair<HubTime, LogId>> due_;
  std::size_t producer_handles_ = 0;

  DeliverFrames frames_;  // empty between two DELIVERs
  ChunkCache cache_;
  std::map<std::uint64_t, std::set<LogId>> wanted_chunks_;  // being read, and who waits
  std::set<std::uint64_t> missed_chunks_;  // were readable, and were not found once
  std::uint64_t readable_chunk_id_ = 0;    // the commits of all ids below are done
  std::set<LogId> behind_;                 // queues that read ahead, since not all is at hand
  std::set<LogId> hungry_;                 // queues that want a chunk while too many are being read
  struct PendingRead {
    enum class Kind : std::uint8_t { index, chunks, producer, sweep } kind = Kind::index;
    LogId queue = 0;
    std::uint64_t chunk_id = 0;
    SessionId session = 0;
    std::uint32_t handle = 0;
    bool readable = false;  // a chunk whose commit was done before it was asked for
  };
  std::map<std::uint64_t, PendingRead> pending_reads_;
  std::uint64_t next_read_ = 1;

  // The sweep over producers' rows: where it stands, and what it has counted since it began.
  records::KeyRange sweep_left_;
  LogId sweep_log_ = 0;
  std::uint64_t sweep_rows_ = 0;
  Duration sweep_age_max_ = std::chrono::hours(24 * 7);
  Instant next_sweep_{};
  bool has_sparse_ = true;  // as of the last maintenance, or of a seal since: it keeps us awake

  std::size_t failing_bytes_ = 0;  // of all queues, as of their last seal
  std::uint64_t free_bytes_ = UINT64_MAX;
  std::size_t staged_bytes_ = 0;
  std::size_t gated_bytes_ = 0;
  bool keeps_rows_ = true;  // that only a later hub would read
  Instant started_at_{};
  Instant last_turn_{};
  Duration expected_sleep_ = Duration::max() / 2;
  Instant hold_until_{};      // nothing is handed out before
  std::string machine_boot_;  // of the machine that this runs on
  Instant next_maintenance_{};
  Instant next_reserve_note_{};
  // So long a deadline that has passed waits for the socket to be read to its end.
  static constexpr Duration overdue_max = std::chrono::seconds(1);
  Instant overdue_since_ = never;
  bool force_durable_ = false;
  Now now_{};  // of the turn under way

  std::vector<RoutedMessage> at_once_;
  std::vector<RoutedMessage> gated_;
  std::vector<ReadRequest> reads_;
  std::vector<Note> notes_;
  std::uint64_t notes_left_out_ = 0;
};

}  // namespace pawl
