// SPDX-License-Identifier: Apache-2.0
// SimNetwork: connections as libzmq makes them look. In order and whole on one connection, delayed
// by a few ms; cut, everything under way vanishes; a socket that reconnects has another routing id.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/random.hpp"
#include "core/time.hpp"
#include "core/wire_message.hpp"

namespace pawl::testing {

class SimNetwork {
 public:
  explicit SimNetwork(std::uint64_t seed) : random_(seed) {}

  struct Packet {
    std::string connection;
    bool to_hub = false;
    WireMessage message;
  };

  // A new connection of the peer with this number.
  std::string connect(std::size_t peer);
  void cut(const std::string& connection);
  bool is_up(const std::string& connection) const { return connections_.count(connection) != 0; }
  std::optional<std::size_t> peer_of(const std::string& connection) const;

  // `not_before`: the other side is down until then; ZeroMQ keeps what is sent meanwhile.
  void send(Packet packet, Instant now, Instant not_before = {});
  Instant next_arrival() const;
  // What has arrived by now, the earliest first.
  std::optional<Packet> arrive(Instant now);

 private:
  struct Connection {
    std::size_t peer = 0;
    Instant last_to_hub{}, last_to_peer{};
  };
  Random random_;
  std::uint64_t next_connection_ = 1, next_packet_ = 1;
  std::map<std::string, Connection> connections_;
  std::map<std::pair<Instant, std::uint64_t>, Packet> under_way_;
};

}  // namespace pawl::testing
