// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_producer.hpp"

#include "core/chunk/chunk.hpp"

namespace pawl::testing {
namespace {

// A producer that is far ahead of its confirms would wait in its send().
constexpr std::size_t batches_max = 40;
constexpr std::uint32_t large_batch = 60;  // chunks that are settled bit by bit

}  // namespace

std::string SimProducer::source() const {
  return plan_.anonymous ? plan_.name + '~' + std::to_string(life_) : plan_.name;
}

void SimProducer::start(Instant now) {
  ++life_;
  alive_ = true;
  opened_ = false;
  given_.clear();
  peer::ProducerMachine::Options options;
  options.queue = plan_.queue;
  options.source = source();
  options.anonymous = plan_.anonymous;
  options.durability = Durability::synced;
  options.peer = plan_.name;
  if (plan_.gives_up) options.full_patience = patience_;
  machine_ = std::make_unique<peer::ProducerMachine>(options, random_.next());
  next_number_ = 1;
  give_at_ = now;
  run(now);
}

void SimProducer::die(Instant) {
  alive_ = false;
  machine_.reset();
}

void SimProducer::leave(Instant now) {
  peer::ProducerEffects effects;
  machine_->apply(peer::Leave{}, own(now), effects);
  carry_out(effects.peer);  // what it has not been told yet it does not wait for
  die(now);
}

void SimProducer::receive(WireMessage message, Instant now) {
  peer::ProducerEffects effects;
  machine_->apply(peer::Received{std::move(message)}, own(now), effects);
  carry_out_all(effects);
}

void SimProducer::lose_socket(Instant now) {
  peer::ProducerEffects effects;
  machine_->apply(peer::SocketFailed{"cut"}, own(now), effects);
  carry_out_all(effects);
}

void SimProducer::run(Instant now) {
  peer::ProducerEffects effects;
  if (now >= give_at_) give(now, effects);
  machine_->tick(own(now), effects);
  machine_->check_invariants();
  carry_out_all(effects);
}

Instant SimProducer::next_deadline() const {
  if (!alive_) return never;
  const bool gives = giving_ && opened_ && given_.size() < batches_max;
  return gives ? std::min(give_at_, when(machine_->next_deadline()))
               : when(machine_->next_deadline());
}

// A named producer's line number is its sequence: after a death it goes on from the floor that
// OPENED told, and gives again what it cannot know to be kept.
void SimProducer::give(Instant now, peer::ProducerEffects& effects) {
  if (!giving_ || !opened_ || given_.size() >= batches_max) return;
  if (next_number_ > plan_.messages_max) {
    giving_ = false;
    return;
  }
  give_at_ = now + up_to(plan_.gives_every);
  const std::uint32_t most = random_.below(40) == 0 ? large_batch : 5;
  const std::uint64_t left = plan_.messages_max - next_number_ + 1;
  const auto count = static_cast<std::uint32_t>(std::min(1 + random_.below(most), left));
  ChunkBuilder builder;
  std::vector<std::string>& bodies = given_[next_tag_];
  for (std::uint32_t i = 0; i < count; ++i) {
    bodies.push_back(source() + ':' + std::to_string(next_number_ + i));
    std::string text = bodies.back();
    const bool is_too_large = plan_.oversizes && life_ == 1 && (next_number_ + i) % 50 == 7;
    if (is_too_large) text.resize(100, ' ');
    builder.append({}, std::as_bytes(std::span(text)));
  }
  const std::uint64_t first = plan_.anonymous ? 0 : next_number_;
  next_number_ += count;
  machine_->apply(peer::Given{next_tag_++, builder.take(), count, first}, own(now), effects);
}

void SimProducer::carry_out_all(peer::ProducerEffects& effects) {
  if (effects.opened && !std::exchange(opened_, true) && !plan_.anonymous) {
    next_number_ = effects.opened->floor;
  }
  for (const peer::Answer& answer : effects.answers) {
    const auto given = given_.find(answer.tag);
    if (given == given_.end()) {
      oracle_.complain("G1 " + name() + " was answered what it had not asked, or twice");
      break;
    }
    std::vector<std::string>& bodies = given->second;
    bool all_answered = true;
    for (std::uint32_t i = 0; i < bodies.size(); ++i) {
      const bool is_answered = i >= answer.first && i < answer.first + answer.count;
      if (!is_answered) all_answered = all_answered && bodies[i].empty();
      if (!is_answered) continue;
      const std::string body = std::exchange(bodies[i], {});
      if (body.empty()) oracle_.complain("G1 " + name() + " was answered the same message twice");
      const Outcome& outcome = answer.outcome;
      if (outcome.status == OutcomeStatus::refused) {
        oracle_.refused(body);
      } else if (outcome.confirmed()) {
        oracle_.confirmed(
            body, outcome.has_id ? std::optional(outcome.offset + i - answer.first) : std::nullopt);
      }
    }
    if (all_answered) given_.erase(given);
  }
  carry_out(effects.peer);
}

}  // namespace pawl::testing
