// SPDX-License-Identifier: Apache-2.0
// The producer's side of a queue: numbers, credit, what is unconfirmed, what must be sent again.
// Pure.
//
// A batch is one chunk as send() gathered it. Each of its messages is, in this order,
//
//   given ──OPENED: numbered──▶ unsent ──credit──▶ sent ──CONFIRM──▶ answered
//                                  ▲                │ ├─REFUSE 1xx─▶ answered
//                                  └── REFUSE 2xx, connection lost ┘
//
// and runs of messages in the same state are one segment. Segments are sent strictly in order; one
// that waits for its retry_after holds up all that follow, as the hub would refuse them (G4).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <pawl/receipt.hpp>

#include "core/protocol/sequence_ranges.hpp"
#include "patterns/peer/session_machine.hpp"

namespace pawl::peer {

// A chunk handed over by send().
struct Given {
  std::uint64_t tag = 0;  // comes back in answers
  Slice chunk;
  std::uint32_t count = 0;
  std::uint64_t first = 0;  // its first sequence, or 0: to be numbered here
};

using ProducerEvent = std::variant<Received, Given, SocketFailed, Leave>;

// What became of messages [first, first + count) of the batch `tag`. Each message is answered once.
struct Answer {
  std::uint64_t tag = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  Outcome outcome;  // offset: of the first; has_id: they follow each other
};

struct ProducerEffects {
  PeerEffects peer;
  std::vector<Answer> answers;
  std::optional<protocol::Opened> opened;  // the queue was opened (again)
};

class ProducerMachine {
 public:
  struct Options {
    std::string queue;
    std::string source;  // the producer's name, or a random one
    bool anonymous = true;
    Durability durability = Durability::memory;
    // How long FULL and NO_SPACE are tried again, from the moment a batch was given; absent: for
    // ever.
    std::optional<Duration> full_patience;
    std::string peer{};
  };

  ProducerMachine(Options options, std::uint64_t seed)
      : options_(std::move(options)), session_({options_.peer, 0}, seed) {}

  void apply(ProducerEvent event, Instant now, ProducerEffects& effects);
  void tick(Instant now, ProducerEffects& effects);
  Instant next_deadline() const;

  // Nothing is unconfirmed.
  bool quiet() const { return batches_.empty(); }
  // So little is under way that a chunk which is not full may as well go now.
  bool takes_crumbs() const { return batches_.size() < crumbs_max; }
  bool is_open() const { return epoch_ != 0 && opened_; }
  const SessionMachine& session() const { return session_; }
  std::uint64_t next_sequence() const { return next_sequence_; }
  void check_invariants() const;

 private:
  // One alone, and whatever comes within a round trip waits for its end. More than four, and a busy
  // producer's chunks become smaller than they need be.
  static constexpr std::size_t crumbs_max = 4;
  struct Segment {
    std::uint32_t first = 0;  // index in the batch
    std::uint32_t count = 0;
    bool sent = false;     // in this connection
    bool tainted = false;  // was sent to another store
    bool ever_sent = false;
    Instant retry_at{};
  };
  struct Batch {
    std::uint64_t tag = 0;
    Slice chunk;
    std::uint32_t count = 0;
    std::uint64_t sequence = 0;  // of the first message; 0: not numbered
    bool chosen = false;         // the sequence is the caller's
    Instant given_at{};
    std::vector<Segment> segments;  // not answered, ascending
  };

  void on_received(Received received, Instant now, ProducerEffects& effects);
  void on_given(Given given, Instant now, ProducerEffects& effects);
  void on_welcomed(ProducerEffects& effects);
  void on_opened(const protocol::Opened& opened, ProducerEffects& effects);
  void on_confirm(const protocol::Confirm& confirm, ProducerEffects& effects);
  void on_refuse(const protocol::Refuse& refuse, Instant now, ProducerEffects& effects);
  void on_refused_row(const protocol::Refuse::Row& row, Instant now, ProducerEffects& effects);
  void on_error(const protocol::Error& error, Instant now, ProducerEffects& effects);
  void on_ended(ProducerEffects& effects);

  void number(Batch& batch, ProducerEffects& effects);
  void renumber_for_other_store();
  void confirm_known(const protocol::Opened& opened, ProducerEffects& effects);
  void refuse_oversized(Batch& batch, ProducerEffects& effects);
  void answer(std::uint64_t sequence, std::uint64_t length, const Outcome& outcome,
              ProducerEffects& effects);
  void answer_in(Batch& batch, std::uint32_t from, std::uint32_t to, const Outcome& outcome,
                 ProducerEffects& effects);
  void set_back(std::uint64_t sequence, std::uint64_t length, Instant retry_at);
  void answer_rest(Outcome unsent, Outcome sent, ProducerEffects& effects);
  void drop_answered();
  std::size_t batch_of(std::uint64_t sequence) const;
  bool wait_on_full(const protocol::Refuse::Row& row, Instant now) const;

  void send_due(Instant now, ProducerEffects& effects);
  Segment* first_unsent(Batch*& batch);
  std::uint32_t fits(const Batch& batch, const Segment& segment) const;
  protocol::Send::Part part_of(const Batch& batch, const Segment& segment) const;
  std::uint64_t floor() const;

  bool keeps_holes(const Batch& batch) const { return batch.chosen && !options_.anonymous; }
  void add_hole(std::uint64_t first, std::uint64_t length);
  void note_kept(const protocol::Opened& opened);
  void note_refused(std::uint64_t sequence, std::uint64_t length);

  Options options_;
  SessionMachine session_;
  bool opened_ = false;      // in this connection
  std::uint64_t epoch_ = 0;  // of this producer at `store_id_`
  Bytes16 store_id_{};
  Durability durability_ = Durability::memory;
  bool forgotten_ = false;
  std::uint32_t body_bytes_max_ = 0;
  std::uint64_t next_sequence_ = 1;
  // Below next_sequence_. They count once sequences are chosen: nobody else would ever fill them.
  // The floor stays at or below the lowest, so that the name's next life finds them missing and can
  // send them (G1).
  SequenceRanges holes_;
  bool has_chosen_ = false;
  Instant open_at_ = never;  // OPEN again, after a transient refusal of it
  std::uint64_t credit_messages_ = 0, credit_bytes_ = 0;  // granted since WELCOME
  std::uint64_t used_messages_ = 0, used_bytes_ = 0;
  std::uint64_t in_flight_ = 0;  // messages sent and not answered
  std::deque<Batch> batches_;    // in the order of their sequences
  std::size_t unsent_from_ = 0;  // no batch before this one has an unsent segment
};

}  // namespace pawl::peer
