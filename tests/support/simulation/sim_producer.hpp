// SPDX-License-Identifier: Apache-2.0
// SimProducer: gives messages until it is told to finish, and tells the oracle what it is told.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "patterns/peer/producer_machine.hpp"
#include "tests/support/simulation/sim_peer.hpp"

namespace pawl::testing {

class SimProducer final : public SimPeer {
 public:
  // `patience`: how long FULL is borne, by those that give up.
  SimProducer(const PlannedPeer& plan, Duration patience, SimSurroundings around, Oracle& oracle)
      : SimPeer(plan, std::move(around), oracle), patience_(patience) {}

  void start(Instant now) override;
  void die(Instant now) override;
  void leave(Instant now) override;
  void receive(WireMessage message, Instant now) override;
  void lose_socket(Instant now) override;
  void run(Instant now) override;
  Instant next_deadline() const override;
  void finish() override { giving_ = false; }
  bool is_at_rest() const override { return alive_ && machine_->is_open() && machine_->quiet(); }

 private:
  std::string source() const;
  void carry_out_all(peer::ProducerEffects& effects);
  void give(Instant now, peer::ProducerEffects& effects);

  Duration patience_;
  std::unique_ptr<peer::ProducerMachine> machine_;
  bool giving_ = true;
  bool opened_ = false;            // since this life began
  std::uint64_t next_number_ = 1;  // of the next message
  std::uint64_t next_tag_ = 1;
  Instant give_at_{};
  std::map<std::uint64_t, std::vector<std::string>> given_;  // by tag
};

}  // namespace pawl::testing
