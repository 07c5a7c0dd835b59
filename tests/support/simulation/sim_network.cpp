// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_network.hpp"

#include <algorithm>

namespace pawl::testing {

std::string SimNetwork::connect(std::size_t peer) {
  const std::string connection = "connection-" + std::to_string(next_connection_++);
  connections_[connection].peer = peer;
  return connection;
}

void SimNetwork::cut(const std::string& connection) {
  if (connections_.erase(connection) == 0) return;
  std::erase_if(under_way_, [&](const auto& one) { return one.second.connection == connection; });
}

std::optional<std::size_t> SimNetwork::peer_of(const std::string& connection) const {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? std::nullopt : std::optional(found->second.peer);
}

void SimNetwork::send(Packet packet, Instant now, Instant not_before) {
  const auto found = connections_.find(packet.connection);
  if (found == connections_.end()) return;
  Instant& last = packet.to_hub ? found->second.last_to_hub : found->second.last_to_peer;
  const bool slow = random_.below(50) == 0;
  const Duration delay(static_cast<std::int64_t>(100 + random_.below(slow ? 60'000 : 3'000)));
  last = std::max({last, now + delay, not_before});
  under_way_.emplace(std::pair(last, next_packet_++), std::move(packet));
}

Instant SimNetwork::next_arrival() const {
  return under_way_.empty() ? never : under_way_.begin()->first.first;
}

std::optional<SimNetwork::Packet> SimNetwork::arrive(Instant now) {
  if (next_arrival() > now) return std::nullopt;
  Packet packet = std::move(under_way_.begin()->second);
  under_way_.erase(under_way_.begin());
  return packet;
}

}  // namespace pawl::testing
