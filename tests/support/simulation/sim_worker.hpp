// SPDX-License-Identifier: Apache-2.0
// SimWorker: takes messages and does with each what its number says. The undertaker is one that
// works on dead letters.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "patterns/peer/worker_machine.hpp"
#include "tests/support/simulation/sim_peer.hpp"

namespace pawl::testing {

class SimWorker final : public SimPeer {
 public:
  // `lease`: the unit of the times that a handler seldom takes.
  SimWorker(const PlannedPeer& plan, Duration lease, SimSurroundings around, Oracle& oracle)
      : SimPeer(plan, std::move(around), oracle), lease_(lease) {}

  void start(Instant now) override;
  void die(Instant now) override;
  void leave(Instant now) override;
  void receive(WireMessage message, Instant now) override;
  void lose_socket(Instant now) override;
  void run(Instant now) override;
  Instant next_deadline() const override;
  void finish() override { is_finishing_ = true; }
  bool is_at_rest() const override {
    return alive_ && in_hand_.empty() && machine_->is_open() && machine_->is_empty();
  }

  // Is asked before a message is begun: the name of another that holds it, or nothing.
  std::function<std::string(std::uint64_t offset)> other_holder;
  // The message is in its hands, not finished, and it believes so.
  bool believes_to_hold(std::uint64_t offset, Instant now) const;
  Duration believes_longer_by{};
  // What is to happen when a message that kills comes to its turn.
  std::function<void()> on_poison;
  // And when its machine swaps, with a message in its hands that takes long.
  std::function<void(Duration)> on_standstill;

 private:
  struct Message {
    std::uint64_t offset = 0;
    std::string body;
    std::uint32_t attempt = 1;
    Meta meta;
  };
  bool is_undertaker() const { return plan_.role == PeerRole::undertaker; }
  void note_received(const WireMessage& wire, bool is_taken, Instant now);
  void note_sent(const WireMessage& wire, Instant now);
  void carry_out_all(peer::WorkerEffects& effects, Instant now);
  void tell_belief(Instant now);
  void drop_hand();
  void want(Instant now, peer::WorkerEffects& effects);
  void start_hand(Instant now);
  void begin(Instant now);
  void extend(Instant now, peer::WorkerEffects& effects);
  void finish_one(Instant now, peer::WorkerEffects& effects);
  void note_late(Instant now, peer::WorkerEffects& effects);
  peer::Finished outcome_of(const Message& message, Instant now);

  Duration lease_;
  std::unique_ptr<peer::WorkerMachine> machine_;
  std::uint64_t hand_ = 0;
  std::vector<Message> in_hand_;  // of one hand
  std::size_t at_ = 0;            // the one that is worked on
  Instant done_at_ = never;
  Instant extend_at_ = never;
  bool is_finishing_ = false;
  Instant stands_still_at_ = never;  // with what is in its hand
  bool is_late_ = false;             // its only handler is over its time, and works on
  Instant believed_until_{};         // as the oracle was told
  Instant wants_at_ = never;         // when messages are wanted again, if they are not
};

}  // namespace pawl::testing
