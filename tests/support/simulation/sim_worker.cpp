// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_worker.hpp"

#include <algorithm>

#include "core/chunk/chunk.hpp"
#include "core/protocol/codec.hpp"
#include "core/protocol/deliver_chunks.hpp"

namespace pawl::testing {

void SimWorker::start(Instant now) {
  ++life_;
  alive_ = true;
  peer::WorkerMachine::Options options;
  options.queue = plan_.queue;
  options.peer = plan_.name;
  options.prefetch_messages = plan_.prefetch;
  options.slots = plan_.slots;
  machine_ = std::make_unique<peer::WorkerMachine>(options, random_.next());
  wants_at_ = never;
  is_late_ = false;
  peer::WorkerEffects effects;
  machine_->apply(peer::Want{}, own(now), effects);
  carry_out_all(effects, now);
  run(now);
}

void SimWorker::die(Instant now) {
  if (!is_undertaker()) oracle_.session_lost(name(), now);
  alive_ = false;
  believed_until_ = {};
  machine_.reset();
  drop_hand();
}

void SimWorker::leave(Instant now) {
  peer::WorkerEffects effects;
  machine_->apply(peer::Leave{}, own(now), effects);
  carry_out_all(effects, now);
  die(now);
}

void SimWorker::receive(WireMessage message, Instant now) {
  peer::WorkerEffects effects;
  const std::uint64_t before = machine_->counts().received;
  machine_->apply(peer::Received{message}, own(now), effects);
  note_received(message, machine_->counts().received != before, now);
  tell_belief(now);
  carry_out_all(effects, now);
}

void SimWorker::tell_belief(Instant now) {
  if (is_undertaker()) return;
  const Instant until = when(machine_->session().believed_until()) + believes_longer_by;
  if (std::exchange(believed_until_, until) != until) oracle_.believes(name(), until, now);
}

// What reaches a process is handed to it, whatever becomes of it there.
void SimWorker::note_received(const WireMessage& wire, bool is_taken, Instant now) {
  const protocol::Command command = command_of(wire);
  if (command != protocol::Command::welcome && command != protocol::Command::deliver &&
      command != protocol::Command::settled) {
    return;
  }
  const auto message = protocol::decode(wire.header);
  if (!message) return oracle_.complain("a hub sent: " + message.fault().text);
  if (is_undertaker()) return;
  const auto* welcome = std::get_if<protocol::Welcome>(&*message);
  if (welcome != nullptr && welcome->resumed) oracle_.resumed(name());
  if (welcome != nullptr && !welcome->resumed) {
    oracle_.session_lost(name(), now);
    believed_until_ = {};
  }
  const auto* settled = std::get_if<protocol::Settled>(&*message);
  if (settled != nullptr) oracle_.settled(name(), settled->upto, settled->exceptions);
  const auto* deliver = std::get_if<protocol::Deliver>(&*message);
  if (deliver == nullptr) return;
  const auto take = [&](const protocol::Deliver::Row& row, const Slice& chunk, const Fault&) {
    const bool redelivered = (row.flags & protocol::deliver_flags::redelivered) != 0;
    ChunkReader reader(chunk.bytes());
    Entry entry;
    for (std::uint64_t offset = row.offset; reader.next(entry); ++offset) {
      oracle_.handed(name(), text_of(entry.body),
                     {deliver->lease, offset, row.attempt, redelivered, is_taken}, now);
    }
  };
  protocol::each_chunk(*deliver, wire.frames, limits::body_bytes_max, take);
}

void SimWorker::note_sent(const WireMessage& wire, Instant now) {
  const protocol::Command command = command_of(wire);
  if (is_undertaker()) return;
  if (command != protocol::Command::settle && command != protocol::Command::hello) return;
  const auto message = protocol::decode(wire.header);
  if (const auto* hello = std::get_if<protocol::Hello>(&*message)) {
    return oracle_.resumes(name(), hello->held);
  }
  const auto& settle = std::get<protocol::Settle>(*message);
  for (const protocol::Settle::Row& row : settle.rows) {
    oracle_.answered(name(), settle.number, row, now);
  }
}

void SimWorker::lose_socket(Instant now) {
  peer::WorkerEffects effects;
  machine_->apply(peer::SocketFailed{"cut"}, own(now), effects);
  carry_out_all(effects, now);
}

void SimWorker::run(Instant now) {
  peer::WorkerEffects effects;
  if (now >= stands_still_at_) {
    stands_still_at_ = never;
    return on_standstill(lease_ / 2 + up_to(lease_ * 3 / 2));
  }
  if (now >= extend_at_) extend(now, effects);
  if (!in_hand_.empty() && now >= done_at_) finish_one(now, effects);
  if (!alive_) return;
  want(now, effects);
  machine_->tick(own(now), effects);
  machine_->check_invariants();
  carry_out_all(effects, now);
  if (in_hand_.empty()) start_hand(now);
}

Instant SimWorker::next_deadline() const {
  return alive_ ? std::min({when(machine_->next_deadline()), done_at_, extend_at_, wants_at_,
                            stands_still_at_})
                : never;
}

// Now and then the application wants nothing for a while.
void SimWorker::want(Instant now, peer::WorkerEffects& effects) {
  if (wants_at_ == never && random_.below(200) == 0) {
    machine_->apply(peer::Unwant{}, own(now), effects);
    wants_at_ = now + up_to(lease_ / 3);
  } else if (now >= wants_at_) {
    if (!is_late_) machine_->apply(peer::Want{}, own(now), effects);
    wants_at_ = never;
  }
}

// As WorkerLoop: what waits behind a handler that is over its time is given back, and nothing more
// is wanted until it has ended.
void SimWorker::note_late(Instant now, peer::WorkerEffects& effects) {
  for (const auto& late : effects.timed_out) {
    if (late.hand != hand_ || in_hand_.empty()) continue;
    is_late_ = true;
    machine_->apply(peer::Unwant{}, own(now), effects);
    return;
  }
}

bool SimWorker::believes_to_hold(std::uint64_t offset, Instant now) const {
  if (!alive_ || in_hand_.empty() || !machine_->has_hand(hand_)) return false;
  if (now >= when(machine_->session().believed_until()) + believes_longer_by) return false;
  const std::vector<protocol::Range> open = machine_->open_ranges();
  return std::any_of(open.begin(), open.end(), [offset](const protocol::Range& range) {
    return offset >= range.offset && offset < range.offset + range.length;
  });
}

void SimWorker::drop_hand() {
  in_hand_.clear();
  at_ = 0;
  done_at_ = extend_at_ = stands_still_at_ = never;
}

void SimWorker::start_hand(Instant now) {
  const auto hand = machine_->start(plan_.batch, own(now));
  if (!hand) return;
  hand_ = hand->id;
  peer::HandReader reader(*hand);
  Entry entry;
  for (std::uint32_t i = 0; i < hand->count; ++i) {
    const peer::Run& run = reader.next(entry);
    const std::uint64_t offset = run.offset + (i - run.first);
    Message message{offset, text_of(entry.body), run.attempt, {}};
    if (const auto meta = decode_meta(entry.meta)) message.meta = *meta;
    in_hand_.push_back(std::move(message));
    if (!other_holder) continue;
    const std::string other = other_holder(offset);
    if (!other.empty()) oracle_.held_by_two(in_hand_.back().body, other + " and " + name());
  }
  begin(now);
}

void SimWorker::begin(Instant now) {
  peer::WorkerEffects effects;
  machine_->apply(peer::Begun{hand_, static_cast<std::uint32_t>(at_), 1, true}, own(now), effects);
  const bool outlasts = plan_.is_patient && !is_finishing_ && random_.below(4) == 0;
  const bool is_slow = outlasts || random_.below(60) == 0;
  done_at_ =
      now + (outlasts ? lease_ : Duration{}) + up_to(is_slow ? lease_ * 5 / 2 : plan_.works_for);
  stands_still_at_ = outlasts && random_.below(2) == 0 ? now + up_to(lease_) : never;
  extend_at_ = is_slow && random_.below(2) == 0 ? now + (done_at_ - now) / 2 : never;
  carry_out_all(effects, now);
}

void SimWorker::extend(Instant now, peer::WorkerEffects& effects) {
  extend_at_ = never;
  if (in_hand_.empty() || !machine_->has_hand(hand_)) return;
  machine_->apply(peer::Extend{hand_, static_cast<std::uint32_t>(at_)}, own(now), effects);
}

peer::Finished SimWorker::outcome_of(const Message& message, Instant now) {
  peer::Finished finished{hand_, static_cast<std::uint32_t>(at_), 1, protocol::Verb::ack, {}, {}};
  const Fate fate = fate_of(message.body);
  if (is_undertaker()) {
    oracle_.found_dead(message.body, message.offset, message.meta, now);
  } else if (fate == Fate::rejected) {
    finished.verb = protocol::Verb::reject;
  } else if (fate == Fate::always_nacked || (fate == Fate::acked_later && message.attempt == 1)) {
    finished.verb = protocol::Verb::nack;
    finished.reason = "not yet";
  } else if (random_.below(60) == 0) {
    finished.verb = protocol::Verb::give_back;
    if (random_.below(2) == 0) {
      finished.delay_ms = static_cast<std::uint64_t>(up_to(lease_ / 10).count()) / 1000;
    }
  } else {
    oracle_.processed(message.body);
  }
  return finished;
}

void SimWorker::finish_one(Instant now, peer::WorkerEffects& effects) {
  if (std::exchange(is_late_, false)) machine_->apply(peer::Want{}, own(now), effects);
  if (!machine_->has_hand(hand_)) return drop_hand();
  const Message message = in_hand_[at_];
  if (!is_undertaker() && fate_of(message.body) == Fate::poison) {
    around_.trace(name() + " is killed by " + message.body);
    return on_poison();
  }
  machine_->apply(outcome_of(message, now), own(now), effects);
  if (++at_ == in_hand_.size()) return drop_hand();
  begin(now);
}

void SimWorker::carry_out_all(peer::WorkerEffects& effects, Instant now) {
  if (effects.all_lost) drop_hand();
  for (const std::uint64_t lost : effects.lost_hands) {
    if (lost == hand_) drop_hand();
  }
  note_late(now, effects);
  if (effects.recall > 0 && at_ + 1 < in_hand_.size() && machine_->has_hand(hand_)) {
    machine_->apply(peer::Untouched{hand_, static_cast<std::uint32_t>(at_ + 1)}, own(now), effects);
    machine_->apply(peer::GiveBack{effects.recall}, own(now), effects);
    in_hand_.resize(at_ + 1);
  }
  for (const WireMessage& message : effects.peer.sends) note_sent(message, now);
  carry_out(effects.peer);
  effects = {};
}

}  // namespace pawl::testing
