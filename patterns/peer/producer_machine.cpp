// SPDX-License-Identifier: Apache-2.0
// What comes in: OPENED, CONFIRM, REFUSE, loss. What goes out is producer_sending_machine.cpp.
#include "patterns/peer/producer_machine.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/codes.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::peer {
namespace {

constexpr std::uint32_t handle = 1;  // a producer's session opens one queue
constexpr Duration reopen_after = std::chrono::milliseconds(500);
// Sequences end at 2^63. A chosen one is at most 2^62, and nobody sends 2^61 messages after it.
constexpr std::uint64_t kept_end_max = 3ULL << 61;

Outcome refused(Code code, std::string_view text) {
  Outcome outcome;
  outcome.status = OutcomeStatus::refused;
  outcome.code = code;
  outcome.text = text;
  return outcome;
}

}  // namespace

void ProducerMachine::apply(ProducerEvent event, Instant now, ProducerEffects& effects) {
  if (auto* received = std::get_if<Received>(&event)) {
    on_received(std::move(*received), now, effects);
  } else if (auto* given = std::get_if<Given>(&event)) {
    on_given(std::move(*given), now, effects);
  } else if (auto* failed = std::get_if<SocketFailed>(&event)) {
    session_.lose(now, failed->why, effects.peer);
    on_ended(effects);
  } else {
    session_.leave(true, effects.peer);
    on_ended(effects);
  }
}

void ProducerMachine::on_received(Received received, Instant now, ProducerEffects& effects) {
  const auto message = protocol::decode(received.message.header);
  const auto news = message ? session_.apply(*message, now, effects.peer)
                            : session_.on_undecodable(message.fault(), effects.peer);
  switch (news) {
    case SessionMachine::News::none: return;
    case SessionMachine::News::welcomed: return on_welcomed(effects);
    case SessionMachine::News::ended: return on_ended(effects);
    case SessionMachine::News::other: break;
  }
  if (const auto* confirm = std::get_if<protocol::Confirm>(&*message)) {
    on_confirm(*confirm, effects);
  } else if (const auto* refuse = std::get_if<protocol::Refuse>(&*message)) {
    on_refuse(*refuse, now, effects);
  } else if (const auto* credit = std::get_if<protocol::Credit>(&*message)) {
    credit_messages_ = std::max(credit_messages_, credit->messages_total);
    credit_bytes_ = std::max(credit_bytes_, credit->bytes_total);
  } else if (const auto* opened = std::get_if<protocol::Opened>(&*message)) {
    on_opened(*opened, effects);
  } else if (const auto* error = std::get_if<protocol::Error>(&*message)) {
    on_error(*error, now, effects);
  }  // what a hub says to workers and readers means nothing here
}

void ProducerMachine::on_given(Given given, Instant now, ProducerEffects& effects) {
  PAWL_CHECK(given.count > 0);
  Batch batch;
  batch.tag = given.tag;
  batch.chunk = std::move(given.chunk);
  batch.count = given.count;
  batch.sequence = given.first;
  batch.chosen = given.first != 0;
  batch.given_at = now;
  batch.segments.push_back({0, given.count, false, false, false, {}});
  batches_.push_back(std::move(batch));
  if (session_.over()) return on_ended(effects);
  if (epoch_ != 0) number(batches_.back(), effects);
  drop_answered();
}

// The hub's handles and credit are of a connection: both begin anew.
void ProducerMachine::on_welcomed(ProducerEffects& effects) {
  if (epoch_ != 0 && session_.store_id() != store_id_) renumber_for_other_store();
  credit_messages_ = credit_bytes_ = used_messages_ = used_bytes_ = 0;
  protocol::Open open;
  open.handle = handle;
  open.name = options_.queue;
  open.role = protocol::Role::producer;
  open.source = options_.source;
  open.anonymous = options_.anonymous;
  open.epoch = epoch_;
  open.durability = options_.durability;
  put(effects.peer, open);
}

// Another store knows nothing of what this one was sent, and it may know others under our name.
// What was sent there may be kept twice, and says so; sequences start after what the new store
// knows.
void ProducerMachine::renumber_for_other_store() {
  epoch_ = 0;
  for (Batch& batch : batches_) {
    if (!batch.chosen) batch.sequence = 0;
    for (Segment& segment : batch.segments) segment.tainted = segment.ever_sent;
  }
}

void ProducerMachine::on_opened(const protocol::Opened& opened, ProducerEffects& effects) {
  const bool first = epoch_ == 0;
  epoch_ = opened.epoch;
  store_id_ = session_.store_id();
  durability_ = opened.durability;
  body_bytes_max_ = opened.body_bytes_max;
  forgotten_ = forgotten_ || opened.forgotten;
  opened_ = true;
  if (first) {
    note_kept(opened);
    if (next_sequence_ > kept_end_max) {
      session_.fail(Code::bad_frame, "the hub claims to keep sequences that no producer reaches",
                    true, effects.peer);
      return on_ended(effects);
    }
    for (Batch& batch : batches_) number(batch, effects);
  }
  confirm_known(opened, effects);
  drop_answered();
  effects.opened = opened;
  session_.opened(effects.peer);
}

// Half of the ranges that a hub keeps of one producer (limits::dedup_ranges_max): what is in flight
// needs the rest. Beyond it the lowest hole is given up.
void ProducerMachine::add_hole(std::uint64_t first, std::uint64_t length) {
  holes_.add(first, length);
  if (holes_.all().size() > limits::dedup_ranges_max / 2) holes_.drop_lowest();
}

// What this name's last life left: sequences go on after all of it, and what is missing in it is a
// hole until it is sent.
void ProducerMachine::note_kept(const protocol::Opened& opened) {
  holes_.clear();
  next_sequence_ = opened.floor;
  for (const auto& range : opened.known) {
    if (range.first > next_sequence_) add_hole(next_sequence_, range.first - next_sequence_);
    next_sequence_ = std::max(next_sequence_, range.first + range.length);
  }
}

void ProducerMachine::number(Batch& batch, ProducerEffects& effects) {
  if (batch.sequence == 0) batch.sequence = next_sequence_;
  has_chosen_ = has_chosen_ || keeps_holes(batch);
  if (keeps_holes(batch) && batch.sequence > next_sequence_) {
    add_hole(next_sequence_, batch.sequence - next_sequence_);
  }
  next_sequence_ = std::max(next_sequence_, batch.sequence + batch.count);
  refuse_oversized(batch, effects);
}

// A policy below the protocol's bound: the hub would refuse the whole chunk, the innocent with it.
void ProducerMachine::refuse_oversized(Batch& batch, ProducerEffects& effects) {
  if (body_bytes_max_ == 0 || body_bytes_max_ >= limits::body_bytes_max) return;
  ChunkReader reader(batch.chunk.bytes());
  Entry entry;
  for (std::uint32_t i = 0; reader.next(entry); ++i) {
    if (entry.body.size() <= body_bytes_max_) continue;
    if (keeps_holes(batch)) add_hole(batch.sequence + i, 1);
    answer_in(batch, i, i + 1,
              refused(Code::too_large, "the body has " + std::to_string(entry.body.size()) +
                                           " bytes, this queue allows " +
                                           std::to_string(body_bytes_max_)),
              effects);
  }
}

// What the hub has already, though its confirm was lost, or sent by this name's last life.
void ProducerMachine::confirm_known(const protocol::Opened& opened, ProducerEffects& effects) {
  Outcome outcome;
  outcome.status = OutcomeStatus::confirmed;
  outcome.durability = durability_;
  outcome.duplicate = true;
  if (opened.floor > 1) answer(1, opened.floor - 1, outcome, effects);
  for (const auto& range : opened.known) {
    holes_.remove(range.first, range.length);
    answer(range.first, range.length, outcome, effects);
  }
}

void ProducerMachine::on_confirm(const protocol::Confirm& confirm, ProducerEffects& effects) {
  if (!opened_ || confirm.handle != handle) return;
  for (const auto& row : confirm.rows) {
    Outcome outcome;
    outcome.status = OutcomeStatus::confirmed;
    outcome.durability = confirm.durability;
    outcome.duplicate = row.duplicate;
    outcome.has_id = !row.duplicate;
    outcome.lane = row.lane;
    outcome.offset = row.offset;
    holes_.remove(row.seq, row.length);
    answer(row.seq, row.length, outcome, effects);
  }
  drop_answered();
}

void ProducerMachine::on_refuse(const protocol::Refuse& refuse, Instant now,
                                ProducerEffects& effects) {
  if (!opened_ || refuse.handle != handle) return;
  for (const auto& row : refuse.rows) {
    on_refused_row(row, now, effects);
    if (session_.over()) return on_ended(effects);
  }
  drop_answered();
}

void ProducerMachine::on_refused_row(const protocol::Refuse::Row& row, Instant now,
                                     ProducerEffects& effects) {
  if (row.code == Code::fenced) {
    return session_.fail(Code::fenced, std::string(row.text), true, effects.peer);
  }
  if (is_transient(row.code) && wait_on_full(row, now)) {
    return set_back(row.seq, row.length, now + std::chrono::milliseconds(row.retry_after_ms));
  }
  if (is_transient(row.code)) {
    // Given up: the hub refuses what follows until the floor has passed it, and so every hole
    // before it is given up too.
    holes_.remove(0, row.seq + row.length);
  } else {
    note_refused(row.seq, row.length);
  }
  answer(row.seq, row.length, refused(row.code, row.text), effects);
}

// A range that no batch of ours stands for is none of ours.
void ProducerMachine::note_refused(std::uint64_t sequence, std::uint64_t length) {
  const std::uint64_t end = sequence + length;
  for (const Batch& batch : batches_) {
    if (!keeps_holes(batch)) continue;
    const std::uint64_t from = std::max(sequence, batch.sequence);
    const std::uint64_t to = std::min(end, batch.sequence + batch.count);
    if (from < to) add_hole(from, to - from);
  }
}

bool ProducerMachine::wait_on_full(const protocol::Refuse::Row& row, Instant now) const {
  const bool full = row.code == Code::full || row.code == Code::no_space;
  if (!full || !options_.full_patience) return true;
  const std::size_t at = batch_of(row.seq);
  return at < batches_.size() && now < batches_[at].given_at + *options_.full_patience;
}

void ProducerMachine::on_error(const protocol::Error& error, Instant now,
                               ProducerEffects& effects) {
  const bool about_open = error.about == static_cast<std::uint64_t>(protocol::Command::open);
  if (about_open && !opened_) {
    if (is_transient(error.code)) {
      open_at_ = now + reopen_after;
    } else {
      session_.fail(error.code, std::string(error.text), true, effects.peer);
      on_ended(effects);
    }
    return;
  }
  session_.lose_to(error, now, effects.peer);
  on_ended(effects);
}

// Not connected any more: nothing of what was sent is certain; all of it is sent again, or, if this
// was the end, answered.
void ProducerMachine::on_ended(ProducerEffects& effects) {
  opened_ = false;
  open_at_ = never;
  in_flight_ = 0;
  unsent_from_ = 0;
  for (Batch& batch : batches_) {
    for (Segment& segment : batch.segments) {
      segment.sent = false;
      segment.retry_at = {};
    }
  }
  if (!session_.over()) return;
  Outcome unconfirmed;
  unconfirmed.status = OutcomeStatus::unconfirmed;
  unconfirmed.text = session_.refusal_text().empty() ? "the producer was closed before an answer"
                                                     : session_.refusal_text();
  unconfirmed.code = session_.refusal();
  const bool is_refused = session_.state() == SessionMachine::State::refused;
  answer_rest(is_refused ? refused(session_.refusal(), session_.refusal_text()) : unconfirmed,
              unconfirmed, effects);
}

void ProducerMachine::answer_rest(Outcome unsent, Outcome sent, ProducerEffects& effects) {
  for (const Batch& batch : batches_) {
    for (const Segment& segment : batch.segments) {
      effects.answers.push_back(
          {batch.tag, segment.first, segment.count, segment.ever_sent ? sent : unsent});
    }
  }
  batches_.clear();
}

std::size_t ProducerMachine::batch_of(std::uint64_t sequence) const {
  const auto after =
      std::upper_bound(batches_.begin(), batches_.end(), sequence,
                       [](std::uint64_t s, const Batch& batch) { return s < batch.sequence; });
  if (after == batches_.begin()) return batches_.size();
  const auto at = static_cast<std::size_t>(after - batches_.begin()) - 1;
  return sequence < batches_[at].sequence + batches_[at].count ? at : batches_.size();
}

void ProducerMachine::answer(std::uint64_t sequence, std::uint64_t length, const Outcome& outcome,
                             ProducerEffects& effects) {
  const std::uint64_t end = sequence + length;
  const auto after = std::upper_bound(
      batches_.begin(), batches_.end(), sequence,
      [](std::uint64_t s, const Batch& batch) { return s < batch.sequence + batch.count; });
  for (auto batch = after; batch != batches_.end() && batch->sequence < end; ++batch) {
    const std::uint64_t from = std::max(sequence, batch->sequence);
    const std::uint64_t to = std::min(end, batch->sequence + batch->count);
    Outcome here = outcome;
    here.offset += from - sequence;
    answer_in(*batch, static_cast<std::uint32_t>(from - batch->sequence),
              static_cast<std::uint32_t>(to - batch->sequence), here, effects);
  }
}

// Takes [from, to) out of the segments and answers what was still in them.
void ProducerMachine::answer_in(Batch& batch, std::uint32_t from, std::uint32_t to,
                                const Outcome& outcome, ProducerEffects& effects) {
  std::vector<Segment> rest;
  for (const Segment& segment : batch.segments) {
    const std::uint32_t first = std::max(segment.first, from);
    const std::uint32_t end = std::min(segment.first + segment.count, to);
    if (first >= end) {
      rest.push_back(segment);
      continue;
    }
    Answer answer{batch.tag, first, end - first, outcome};
    answer.outcome.offset += first - from;
    answer.outcome.maybe_duplicate =
        outcome.confirmed() && (segment.tainted || (forgotten_ && !options_.anonymous));
    effects.answers.push_back(std::move(answer));
    if (segment.sent) in_flight_ -= end - first;
    Segment before = segment;
    before.count = first - segment.first;
    if (before.count > 0) rest.push_back(before);
    Segment behind = segment;
    behind.first = end;
    behind.count = segment.first + segment.count - end;
    if (behind.count > 0) rest.push_back(behind);
  }
  batch.segments = std::move(rest);
}

void ProducerMachine::drop_answered() {
  while (!batches_.empty() && batches_.front().segments.empty()) {
    batches_.pop_front();
    if (unsent_from_ > 0) --unsent_from_;
  }
}

void ProducerMachine::check_invariants() const {
  std::uint64_t in_flight = 0;
  std::uint64_t sequence = 0;
  for (const Batch& batch : batches_) {
    if (epoch_ != 0) PAWL_CHECK(batch.sequence >= sequence && batch.sequence != 0);
    sequence = batch.sequence + batch.count;
    std::uint32_t index = 0;
    for (const Segment& segment : batch.segments) {
      PAWL_CHECK(segment.count > 0 && segment.first >= index);
      index = segment.first + segment.count;
      if (segment.sent) in_flight += segment.count;
    }
    PAWL_CHECK(index <= batch.count);
  }
  PAWL_CHECK(in_flight == in_flight_);
}

}  // namespace pawl::peer
