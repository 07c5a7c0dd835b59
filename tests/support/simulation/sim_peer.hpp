// SPDX-License-Identifier: Apache-2.0
// A process with one of the production machines in it and an application on top, which dies, is
// stopped and comes back. What the application sees goes to the oracle.
#pragma once

#include <functional>
#include <string>

#include "core/random.hpp"
#include "patterns/peer/session_machine.hpp"
#include "tests/support/simulation/oracle.hpp"
#include "tests/support/simulation/plan.hpp"

namespace pawl::testing {

inline std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// The second element of a header, an array of small numbers: to look at few without decoding all.
inline protocol::Command command_of(const WireMessage& wire) {
  return wire.header.size() > 2 ? static_cast<protocol::Command>(wire.header[2])
                                : protocol::Command{};
}

// What a peer asks of the world around it.
struct SimSurroundings {
  std::function<void(WireMessage)> send;
  std::function<void()> replace_socket;
  std::function<void(const std::string&)> trace;
};

class SimPeer {
 public:
  SimPeer(const PlannedPeer& plan, SimSurroundings around, Oracle& oracle)
      : plan_(plan), random_(plan.seed), around_(std::move(around)), oracle_(oracle) {}
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;
  virtual ~SimPeer() = default;

  const std::string& name() const { return plan_.name; }
  bool is_alive() const { return alive_; }
  virtual void start(Instant now) = 0;
  virtual void die(Instant now) = 0;
  virtual void leave(Instant now) = 0;
  virtual void receive(WireMessage message, Instant now) = 0;
  virtual void lose_socket(Instant now) = 0;
  virtual void run(Instant now) = 0;
  virtual Instant next_deadline() const = 0;
  // Nothing more is begun: what is under way is to end.
  virtual void finish() {}
  virtual bool is_at_rest() const = 0;

 protected:
  void carry_out(peer::PeerEffects& effects) {
    if (effects.recreate_socket) around_.replace_socket();
    for (WireMessage& message : effects.sends) around_.send(std::move(message));
    for (const ConnectionEvent& event : effects.events) {
      if (event.state == ConnectionState::lost) around_.trace(name() + " lost: " + event.text);
      if (event.state != ConnectionState::refused) continue;
      around_.trace(name() + " was refused: " + event.text);
      oracle_.complain(name() + " was refused for good: " + event.text);
    }
  }
  // What this process's clock shows: the machine is told that, the oracle and all else `now`.
  Instant own(Instant now) const { return Instant(now.time_since_epoch() * own_rate() / million); }
  // When it shows `shown`: what the machine says of time. Not a microsecond too early.
  Instant when(Instant shown) const {
    if (shown == never) return never;
    return Instant((shown.time_since_epoch() * million + Duration(own_rate() - 1)) / own_rate());
  }
  Duration up_to(Duration most) {
    return Duration(static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 1)))));
  }

 private:
  static constexpr std::int64_t million = 1'000'000;
  std::int64_t own_rate() const { return million + plan_.clock_ppm; }

 protected:
  const PlannedPeer& plan_;
  Random random_;
  SimSurroundings around_;
  Oracle& oracle_;
  bool alive_ = false;
  std::uint64_t life_ = 0;
};

}  // namespace pawl::testing
