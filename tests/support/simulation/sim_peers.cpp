// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_peers.hpp"

#include <algorithm>

#include "core/chunk/chunk.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::testing {
namespace {

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void SimPeer::carry_out(peer::PeerEffects& effects) {
  if (effects.recreate_socket) around_.reconnect();
  for (WireMessage& message : effects.sends) around_.send(std::move(message));
  for (const ConnectionEvent& event : effects.events) {
    if (event.state == ConnectionState::lost) around_.trace(name_ + " lost: " + event.text);
    if (event.state == ConnectionState::refused) around_.trace(name_ + " refused: " + event.text);
  }
}

// The producer ------------------------------------------------------------------------------------

void SimProducer::start(Instant now) {
  ++life_;
  alive_ = true;
  opened_ = false;
  given_.clear();
  peer::ProducerMachine::Options options;
  options.queue = "orders";
  options.source = anonymous_ ? name_ + std::to_string(life_) : name_;
  options.anonymous = anonymous_;
  options.durability = Durability::synced;
  options.peer = name_;
  machine_ = std::make_unique<peer::ProducerMachine>(options, random_.next());
  next_number_ = 1;
  give_at_ = now;
  run(now);
}

void SimProducer::die(Instant) {
  alive_ = false;
  machine_.reset();
}

void SimProducer::receive(WireMessage message, Instant now) {
  peer::ProducerEffects effects;
  machine_->apply(peer::Received{std::move(message)}, now, effects);
  carry_out_all(effects);
}

void SimProducer::lose_socket(Instant now) {
  peer::ProducerEffects effects;
  machine_->apply(peer::SocketFailed{"cut"}, now, effects);
  carry_out_all(effects);
}

void SimProducer::run(Instant now) {
  peer::ProducerEffects effects;
  if (now >= give_at_) give(now, effects);
  machine_->tick(now, effects);
  machine_->check_invariants();
  carry_out_all(effects);
}

Instant SimProducer::next_deadline() const {
  if (!alive_) return never;
  const bool gives = giving_ && opened_;
  return gives ? std::min(give_at_, machine_->next_deadline()) : machine_->next_deadline();
}

// A named producer's line number is its sequence: after a death it goes on from the floor that
// OPENED told, and gives again what it cannot know to be kept.
void SimProducer::give(Instant now, peer::ProducerEffects& effects) {
  if (!giving_ || !opened_) return;
  give_at_ = now + Duration(static_cast<std::int64_t>(random_.below(80'000)));
  const auto count = static_cast<std::uint32_t>(1 + random_.below(5));
  ChunkBuilder builder;
  std::vector<std::string>& bodies = given_[next_tag_];
  for (std::uint32_t i = 0; i < count; ++i) {
    bodies.push_back(name_ + (anonymous_ ? std::to_string(life_) : "") + ':' +
                     std::to_string(next_number_ + i));
    builder.append({}, std::as_bytes(std::span(bodies.back())));
  }
  machine_->apply(peer::Given{next_tag_++, builder.take(), count, anonymous_ ? 0 : next_number_},
                  now, effects);
  next_number_ += count;
}

void SimProducer::carry_out_all(peer::ProducerEffects& effects) {
  if (effects.opened && !std::exchange(opened_, true) && !anonymous_) {
    next_number_ = effects.opened->floor;
  }
  for (const peer::Answer& answer : effects.answers) {
    const std::vector<std::string>& bodies = given_.at(answer.tag);
    for (std::uint32_t i = 0; i < answer.count; ++i) {
      const std::string& body = bodies.at(answer.first + i);
      if (!answer.outcome.confirmed()) {
        oracle_.complain(body + " was refused: " + answer.outcome.text);
        continue;
      }
      oracle_.confirmed(
          body, answer.outcome.has_id ? std::optional(answer.outcome.offset + i) : std::nullopt);
    }
  }
  carry_out(effects.peer);
}

// The worker --------------------------------------------------------------------------------------

void SimWorker::start(Instant now) {
  ++life_;
  alive_ = true;
  peer::WorkerMachine::Options options;
  options.queue = queue_;
  options.peer = name_;
  options.prefetch_messages = 12;
  options.slots = 4;
  machine_ = std::make_unique<peer::WorkerMachine>(options, random_.next());
  wants_at_ = never;
  peer::WorkerEffects effects;
  machine_->apply(peer::Want{}, now, effects);
  carry_out_all(effects, now);
  run(now);
}

void SimWorker::die(Instant) {
  oracle_.worker_lost();
  alive_ = false;
  machine_.reset();
  drop_hand();
}

void SimWorker::receive(WireMessage message, Instant now) {
  note_deliver(message);
  peer::WorkerEffects effects;
  machine_->apply(peer::Received{std::move(message)}, now, effects);
  carry_out_all(effects, now);
}

// What reaches a process is handed to it, whatever becomes of it there.
void SimWorker::note_deliver(const WireMessage& wire) {
  const auto message = protocol::decode(wire.header);
  if (!message) return oracle_.complain("a hub sent: " + message.fault().text);
  const auto* welcome = std::get_if<protocol::Welcome>(&*message);
  if (welcome != nullptr && !welcome->resumed) oracle_.worker_lost();
  const auto* deliver = std::get_if<protocol::Deliver>(&*message);
  if (deliver == nullptr || queue_ != "orders") return;
  for (std::size_t i = 0; i < deliver->rows.size(); ++i) {
    ChunkReader reader(wire.frames.at(i).bytes());
    Entry entry;
    for (std::uint64_t offset = deliver->rows[i].offset; reader.next(entry); ++offset) {
      const std::string body = text_of(entry.body);
      oracle_.handed(body, offset);
    }
  }
}

void SimWorker::lose_socket(Instant now) {
  peer::WorkerEffects effects;
  machine_->apply(peer::SocketFailed{"cut"}, now, effects);
  carry_out_all(effects, now);
}

void SimWorker::run(Instant now) {
  peer::WorkerEffects effects;
  if (!in_hand_.empty() && now >= done_at_) finish(now, effects);
  if (!alive_) return;
  want(now, effects);
  machine_->tick(now, effects);
  machine_->check_invariants();
  carry_out_all(effects, now);
  if (in_hand_.empty()) start_hand(now);
}

Instant SimWorker::next_deadline() const {
  return alive_ ? std::min({machine_->next_deadline(), done_at_, wants_at_}) : never;
}

// Now and then the application wants nothing for a while.
void SimWorker::want(Instant now, peer::WorkerEffects& effects) {
  if (wants_at_ == never && random_.below(100) == 0) {
    machine_->apply(peer::Unwant{}, now, effects);
    wants_at_ = now + Duration(static_cast<std::int64_t>(random_.below(300'000)));
  } else if (now >= wants_at_) {
    machine_->apply(peer::Want{}, now, effects);
    wants_at_ = never;
  }
}

bool SimWorker::believes_to_hold(std::uint64_t offset, Instant now) const {
  if (!alive_ || in_hand_.empty() || !machine_->has_hand(hand_)) return false;
  if (now >= machine_->session().believed_until() + believes_longer_by) return false;
  return std::any_of(in_hand_.begin() + static_cast<std::ptrdiff_t>(at_), in_hand_.end(),
                     [offset](const Message& one) { return one.offset == offset; });
}

void SimWorker::drop_hand() {
  in_hand_.clear();
  at_ = 0;
  done_at_ = never;
}

void SimWorker::start_hand(Instant now) {
  const auto hand = machine_->start(4, now);
  if (!hand) return;
  hand_ = hand->id;
  ChunkReader reader(hand->run.chunk.bytes());
  Entry entry;
  for (std::uint64_t offset = hand->run.offset; reader.next(entry); ++offset) {
    Message message{offset, text_of(entry.body), hand->run.attempt, {}};
    if (const auto meta = decode_meta(entry.meta)) message.meta = *meta;
    in_hand_.push_back(std::move(message));
    if (!other_holder) continue;
    const std::string other = other_holder(offset);
    if (!other.empty()) oracle_.held_by_two(in_hand_.back().body, other + " and " + name_);
  }
  begin(now);
}

void SimWorker::begin(Instant now) {
  const bool slow = random_.below(60) == 0;
  done_at_ = now + Duration(static_cast<std::int64_t>(random_.below(slow ? 900'000 : 30'000)));
}

void SimWorker::finish(Instant now, peer::WorkerEffects& effects) {
  if (!machine_->has_hand(hand_)) return drop_hand();
  const Message message = in_hand_[at_];
  peer::Finished finished{hand_, static_cast<std::uint32_t>(at_), 1, protocol::Verb::ack, {}, {}};
  const Fate fate = queue_ == "orders" ? fate_of(message.body) : Fate::acked;
  if (queue_ != "orders") {
    oracle_.found_dead(message.body, message.meta);
  } else if (fate == Fate::poison) {
    around_.trace(name_ + " is killed by " + message.body);
    return on_poison();
  } else if (fate == Fate::rejected) {
    finished.verb = protocol::Verb::reject;
    oracle_.rejected(message.body);
  } else if (fate == Fate::always_nacked || (fate == Fate::acked_later && message.attempt == 1)) {
    finished.verb = protocol::Verb::nack;
    finished.reason = "not yet";
    oracle_.nacked(message.body);
  } else {
    oracle_.processed(message.body);
  }
  machine_->apply(finished, now, effects);
  if (++at_ == in_hand_.size()) return drop_hand();
  begin(now);
}

void SimWorker::carry_out_all(peer::WorkerEffects& effects, Instant now) {
  if (effects.all_lost) drop_hand();
  if (effects.recall > 0 && at_ + 1 < in_hand_.size() && machine_->has_hand(hand_)) {
    peer::WorkerEffects more;
    machine_->apply(peer::Untouched{hand_, static_cast<std::uint32_t>(at_ + 1)}, now, more);
    machine_->apply(peer::GiveBack{effects.recall}, now, more);
    in_hand_.resize(at_ + 1);
    carry_out(more.peer);
  }
  carry_out(effects.peer);
}

}  // namespace pawl::testing
