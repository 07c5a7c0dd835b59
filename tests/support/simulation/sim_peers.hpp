// SPDX-License-Identifier: Apache-2.0
// SimProducer and SimWorker: processes with the production machines in them and an application on
// top, which die, are stopped and come back. What the application sees goes to the oracle.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "patterns/peer/producer_machine.hpp"
#include "patterns/peer/worker_machine.hpp"
#include "tests/support/simulation/oracle.hpp"

namespace pawl::testing {

// What a peer asks of the world around it.
struct SimSurroundings {
  std::function<void(WireMessage)> send;
  std::function<void()> reconnect;
  std::function<void(const std::string&)> trace;
};

class SimPeer {
 public:
  SimPeer(std::string name, std::uint64_t seed, SimSurroundings around)
      : name_(std::move(name)), random_(seed), around_(std::move(around)) {}
  virtual ~SimPeer() = default;

  const std::string& name() const { return name_; }
  bool is_alive() const { return alive_; }
  virtual void start(Instant now) = 0;
  virtual void die(Instant now) = 0;
  virtual void receive(WireMessage message, Instant now) = 0;
  virtual void lose_socket(Instant now) = 0;
  virtual void run(Instant now) = 0;
  virtual Instant next_deadline() const = 0;

 protected:
  void carry_out(peer::PeerEffects& effects);
  std::string name_;
  Random random_;
  SimSurroundings around_;
  bool alive_ = false;
  std::uint64_t life_ = 0;
};

class SimProducer final : public SimPeer {
 public:
  SimProducer(std::string name, bool anonymous, std::uint64_t seed, SimSurroundings around,
              Oracle& oracle)
      : SimPeer(std::move(name), seed, std::move(around)), anonymous_(anonymous), oracle_(oracle) {}

  void start(Instant now) override;
  void die(Instant now) override;
  void receive(WireMessage message, Instant now) override;
  void lose_socket(Instant now) override;
  void run(Instant now) override;
  Instant next_deadline() const override;
  // Gives nothing more.
  void finish() { giving_ = false; }
  bool is_quiet() const { return machine_ && machine_->quiet(); }

 private:
  void carry_out_all(peer::ProducerEffects& effects);
  void give(Instant now, peer::ProducerEffects& effects);

  bool anonymous_;
  Oracle& oracle_;
  std::unique_ptr<peer::ProducerMachine> machine_;
  bool giving_ = true;
  bool opened_ = false;            // since this life began
  std::uint64_t next_number_ = 1;  // of the next message
  std::uint64_t next_tag_ = 1;
  Instant give_at_{};
  std::map<std::uint64_t, std::vector<std::string>> given_;  // by tag
};

class SimWorker final : public SimPeer {
 public:
  SimWorker(std::string name, std::string queue, std::uint64_t seed, SimSurroundings around,
            Oracle& oracle)
      : SimPeer(std::move(name), seed, std::move(around)),
        queue_(std::move(queue)),
        oracle_(oracle) {}

  void start(Instant now) override;
  void die(Instant now) override;
  void receive(WireMessage message, Instant now) override;
  void lose_socket(Instant now) override;
  void run(Instant now) override;
  Instant next_deadline() const override;

  // Is asked before a message is begun: the name of another that holds it, or nothing.
  std::function<std::string(std::uint64_t offset)> other_holder;
  // The message is in its hands, not finished, and it believes so.
  bool believes_to_hold(std::uint64_t offset, Instant now) const;
  Duration believes_longer_by{};
  // What is to happen when a message that kills comes to its turn.
  std::function<void()> on_poison;
  bool is_idle() const { return in_hand_.empty() && machine_ && machine_->is_empty(); }

 private:
  struct Message {
    std::uint64_t offset = 0;
    std::string body;
    std::uint32_t attempt = 1;
    Meta meta;
  };
  void note_deliver(const WireMessage& wire);
  void carry_out_all(peer::WorkerEffects& effects, Instant now);
  void drop_hand();
  void want(Instant now, peer::WorkerEffects& effects);
  void start_hand(Instant now);
  void begin(Instant now);
  void finish(Instant now, peer::WorkerEffects& effects);

  std::string queue_;
  Oracle& oracle_;
  std::unique_ptr<peer::WorkerMachine> machine_;
  std::uint64_t hand_ = 0;
  std::vector<Message> in_hand_;  // of one hand
  std::size_t at_ = 0;            // the one that is worked on
  Instant done_at_ = never;
  Instant wants_at_ = never;  // when messages are wanted again, if they are not
};

}  // namespace pawl::testing
