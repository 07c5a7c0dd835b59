// SPDX-License-Identifier: Apache-2.0
// SimNetwork: connections as libzmq makes them look. In order and whole on one connection, delayed;
// cut, everything under way vanishes; a socket that connects again has another routing id, and what
// its peer had sent on the former one may arrive after what it sends on the new one. A partition
// holds back what is under way: TCP sends it again when it ends.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/time.hpp"
#include "core/wire_message.hpp"

namespace pawl::testing {

class SimNetwork {
 public:
  // Delays grow with `unit`, a lease: three of a thousand at most, seldom one of twenty. Each peer
  // has a seed of its own: without one of them the others' packets take as long as with it.
  SimNetwork(Duration unit, const std::vector<std::uint64_t>& seeds) : unit_(unit) {
    for (const std::uint64_t seed : seeds) links_.emplace_back(seed);
  }

  struct Packet {
    std::string connection;
    bool to_hub = false;
    WireMessage message;
    std::size_t hub = 0;  // which, if it goes to one
  };

  // A new connection of the peer with this number.
  std::string connect(std::size_t peer);
  // Both sides lose it, with everything under way.
  void cut(const std::string& connection);
  // All that the peer has or had: its hub is gone.
  void cut_all(std::size_t peer);
  // The peer has closed it: what it had sent still arrives.
  void close(const std::string& connection);
  bool is_up(const std::string& connection) const;
  std::optional<std::size_t> peer_of(const std::string& connection) const;

  // Nothing of this peer arrives at its hub, or nothing of the hub at it, until then.
  void block(std::size_t peer, bool to_hub, Instant until);
  void slow_down(std::size_t peer, Instant until) { links_[peer].slow_until = until; }
  void heal();

  // `not_before`: the other side is down until then; ZeroMQ keeps what is sent meanwhile.
  void send(Packet packet, Instant now, Instant not_before = {});
  Instant next_arrival() const;
  // What has arrived by now, the earliest first.
  std::optional<Packet> arrive(Instant now);

 private:
  struct Connection {
    std::size_t peer = 0;
    bool closed = false;
    std::array<Instant, 2> last{};  // arrivals: to the peer, to the hub
  };
  struct Link {
    explicit Link(std::uint64_t seed) : random(seed) {}

    Random random;
    std::array<Instant, 2> blocked_until{};
    Instant slow_until{};
    std::uint64_t next_connection = 1;
  };
  using Moment = std::pair<Instant, std::uint64_t>;

  Duration unit_;
  std::vector<Link> links_;
  std::uint64_t next_packet_ = 1;
  std::map<std::string, Connection> connections_;
  std::map<Moment, Packet> under_way_;
};

}  // namespace pawl::testing
