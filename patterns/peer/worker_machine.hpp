// SPDX-License-Identifier: Apache-2.0
// The worker's side of a queue: credit, what is at hand, what is started, what is settled. Pure.
//
//   DELIVER ──▶ ready ──start()──▶ in hand ──Finished──▶ row ──SETTLE──▶ record ──SETTLED──▶ gone
//                 │ ▲                │  │
//                 │ └── Untouched ───┘  └─ time-out: a nack row; the late outcome is stale
//                 └─ RECALL, drain, Unwant: a give_back row
//   session not resumed: everything up to the record is lost; outcomes that come later are stale.
//
// A hand is what somebody works on: a handler thread, or whoever pulled it (hand.hpp).
// `slots` bounds what is in hand or finished and not sent (design.md, "Who is to blame"); it is
// started in the order of delivery. Everything that is not gone is `held` at a resume.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/limits.hpp"
#include "patterns/peer/hand.hpp"
#include "patterns/peer/session_machine.hpp"

namespace pawl::peer {

// Somebody works now, or would: messages may be asked for, until `started_max` were started in all.
struct Want {
  std::uint64_t started_max = UINT64_MAX;
};
// Nobody does any more: give back what was not begun, and take nothing until the next Want.
struct Unwant {};
// Messages [first, first + count) of a hand have this outcome.
struct Finished {
  std::uint64_t hand = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  protocol::Verb verb = protocol::Verb::ack;
  std::optional<std::uint64_t> delay_ms;
  std::string reason;
};
// What the wire takes of a handler's delay.
inline std::optional<std::uint64_t> delay_ms_of(std::optional<std::chrono::milliseconds> delay) {
  if (!delay) return std::nullopt;
  const auto most = static_cast<std::int64_t>(limits::delay_ms_max);
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(delay->count(), 0, most));
}
// Messages from `from` on were not begun and will not be: they are ready again.
struct Untouched {
  std::uint64_t hand = 0;
  std::uint32_t from = 0;
};
// Messages [first, first + count) were begun by now; `only` when those begun before are finished.
struct Begun {
  std::uint64_t hand = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool only = true;
};
struct Extend {
  std::uint64_t hand = 0;
  std::uint32_t index = 0;
};
// Give back so many that are ready, latest first: what a RECALL took out of hands.
struct GiveBack {
  std::uint64_t messages = 0;
};
// Take nothing more, give back what was not begun.
struct Drain {};

using WorkerEvent = std::variant<Received, SocketFailed, Leave, Want, Unwant, Finished, Untouched,
                                 Begun, Extend, GiveBack, Drain>;

struct WorkerEffects {
  PeerEffects peer;
  std::uint64_t recall = 0;  // take so many unbegun messages out of hands (Untouched), latest first
  bool all_lost = false;     // every lease that was in hand is lost
  std::vector<std::uint64_t> lost_hands;  // those of these hands are: more ranges were held at a
                                          // resume than HELLO can list
  struct TimedOut {
    std::uint64_t hand = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  std::vector<TimedOut> timed_out;  // begun messages that took too long: failed, their leases gone
};

class WorkerMachine {
 public:
  struct Options {
    std::string queue;
    std::string peer;
    std::uint32_t prefetch_messages = 32'768;
    std::uint64_t prefetch_bytes = 4 * 1024 * 1024;
    std::uint32_t slots = 1'024;
  };
  // A fast worker doubles this within a few ms; a slow one of many is not given a queue's all.
  static constexpr std::uint32_t window_at_first = 4096;
  struct Counts {
    std::uint64_t received = 0, started = 0;
    std::uint64_t acked = 0, nacked = 0, rejected = 0, returned = 0;
    std::uint64_t stale = 0, timed_out = 0;
  };

  WorkerMachine(Options options, std::uint64_t seed)
      : options_(std::move(options)),
        session_({options_.peer, options_.slots}, seed),
        window_(std::min(options_.prefetch_messages, window_at_first)) {}

  void apply(WorkerEvent event, Instant now, WorkerEffects& effects);
  void tick(Instant now, WorkerEffects& effects);
  Instant next_deadline() const;

  // The next messages, at most `messages_max`, now started. Nothing when none is ready, the slots
  // are used, or our belief in the leases has ended.
  std::optional<Hand> start(std::uint32_t messages_max, Instant now);

  std::uint64_t ready_messages() const { return ready_messages_; }
  // Messages of hands without an outcome.
  std::uint64_t in_hand() const { return in_hand_; }
  bool has_hand(std::uint64_t id) const { return hands_.count(id) != 0; }
  // The messages of hands without an outcome, lowest offset first.
  std::vector<protocol::Range> open_ranges() const;
  // Outcomes that the hub has not answered.
  std::uint64_t unanswered() const;
  // Nothing at hand, nothing to be said, everything answered.
  bool is_empty() const;
  bool is_open() const { return opened_; }
  bool has_handler_timeout() const { return handler_timeout_ > Duration::zero(); }
  Duration handler_timeout() const { return handler_timeout_; }
  Duration first_backoff() const { return first_backoff_; }
  const SessionMachine& session() const { return session_; }
  const Counts& counts() const { return counts_; }
  void check_invariants() const;

 private:
  struct Span {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    Instant at{};  // of a begun span
  };
  struct InHand {
    std::shared_ptr<const std::vector<Run>> runs;
    std::uint32_t count = 0;  // of messages: what was untouched is no more of it
    std::uint64_t bytes = 0;
    std::vector<Span> open;  // without an outcome, ascending
    std::vector<Span> begun;
    mutable std::size_t near = 0;  // the run that was looked for last

    template <class Call>
    void each_part(std::uint32_t first, std::uint32_t of, Call call) const {
      peer::each_part(*runs, near, first, of, call);
    }
  };
  struct Row {
    protocol::Verb verb = protocol::Verb::ack;
    std::uint64_t lease = 0;
    protocol::Range range;
    std::optional<std::uint64_t> delay_ms;
    std::string reason;
  };
  static protocol::Settle::Row on_wire(const Row& row);
  struct Record {
    std::uint64_t number = 0;
    std::vector<Row> rows;  // sorted by lease
  };
  using Hands = std::map<std::uint64_t, InHand>;
  using Held = protocol::Hello::Held;

  // worker_machine.cpp
  void on_received(Received received, Instant now, WorkerEffects& effects);
  void on_welcomed(WorkerEffects& effects);
  void on_opened(const protocol::Opened& opened, WorkerEffects& effects);
  void on_deliver(const protocol::Deliver& deliver, std::vector<Slice> frames, Instant now,
                  WorkerEffects& effects);
  void take_in(std::uint64_t lease, const protocol::Deliver::Row& row, Slice chunk,
               const Fault& fault);
  void on_error(const protocol::Error& error, Instant now, WorkerEffects& effects);
  void on_recall(std::uint64_t messages, WorkerEffects& effects);
  void on_untouched(const Untouched& untouched);
  void on_begun(const Begun& begun, Instant now);
  void on_unwant(WorkerEffects& effects);
  void withdraw(WorkerEffects& effects);
  void on_drain(WorkerEffects& effects);
  void on_leave(WorkerEffects& effects);
  void on_ended(WorkerEffects& effects);
  void lose_everything(WorkerEffects& effects);
  std::uint64_t give_back_ready(std::uint64_t messages);
  Run take_ready(std::uint32_t messages_max);
  void put_back(Run run);
  std::vector<std::uint64_t> leases_held() const;
  bool may_list_all() const;
  void remember_rows(const protocol::Deliver& deliver);
  void grant(WorkerEffects& effects);

  // worker_settling_machine.cpp
  void on_finished(Finished finished);
  std::uint32_t close_spans(InHand& hand, Finished finished);
  void add_rows(const InHand& hand, Finished finished);
  void on_extend(const Extend& extend, Instant now);
  void on_settled(const protocol::Settled& settled);
  void count_settled(const Record& record, const protocol::Settled& settled);
  void expire_handlers(Instant now, WorkerEffects& effects);
  Instant next_timeout() const;
  void add_row(Row row);
  void send_settles(WorkerEffects& effects);
  void send_record(const Record& record, WorkerEffects& effects);
  SessionMachine::Resume held(WorkerEffects& effects);
  std::vector<Held> merged(std::vector<Held> list) const;
  bool has_hole(const Held& before, const Held& after) const;
  std::vector<Held> held_in_hand() const;
  std::vector<Held> held_outcomes() const;
  void give_up_hands(std::size_t ranges_max, WorkerEffects& effects);

  Options options_;
  SessionMachine session_;
  bool wanted_ = false;
  std::uint64_t started_max_ = UINT64_MAX;
  bool draining_ = false;
  bool opened_ = false;  // in this connection
  Instant open_at_ = never;
  Duration handler_timeout_{};
  Duration first_backoff_ = std::chrono::seconds(1);

  std::deque<Run> ready_;
  std::uint64_t ready_messages_ = 0, bytes_at_hand_ = 0;
  Hands hands_;
  std::uint64_t next_hand_ = 1, next_order_ = 1;
  std::uint64_t in_hand_ = 0;

  std::uint32_t window_;  // how much to have at hand: prefetch, less for a while after a RECALL
  bool may_grow_ = true;  // something was finished since the window grew
  std::uint64_t granted_messages_ = 0, granted_bytes_ = 0;    // since WELCOME
  std::uint64_t received_messages_ = 0, received_bytes_ = 0;  // since WELCOME
  std::uint64_t got_ = 0, beaten_got_ = 0;  // highest DELIVER number; as the last beat said

  // The rows of each DELIVER of several, by lease, ascending, while something of it may be held:
  // what lies between two of them was never ours. Of what is held no more some may still be here.
  std::map<std::uint64_t, std::vector<protocol::Range>> rows_of_;
  std::size_t forget_rows_at_ = 64;  // when there are so many
  std::vector<Row> rows_;            // outcomes not sent
  std::uint64_t unsent_ = 0;
  std::deque<Record> records_;  // sent and not answered
  std::uint64_t settle_number_ = 0, settled_upto_ = 0;
  Counts counts_;
};

}  // namespace pawl::peer
