// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_network.hpp"

#include <algorithm>

namespace pawl::testing {

std::string SimNetwork::connect(std::size_t peer) {
  std::string connection =
      'c' + std::to_string(peer) + '.' + std::to_string(links_.at(peer).next_connection++);
  connections_[connection].peer = peer;
  return connection;
}

void SimNetwork::cut(const std::string& connection) {
  if (connections_.erase(connection) == 0) return;
  std::erase_if(under_way_, [&](const auto& one) { return one.second.connection == connection; });
}

void SimNetwork::cut_all(std::size_t peer) {
  std::vector<std::string> gone;
  for (const auto& [name, connection] : connections_) {
    if (connection.peer == peer) gone.push_back(name);
  }
  for (const std::string& name : gone) cut(name);
}

void SimNetwork::close(const std::string& connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  found->second.closed = true;
  std::erase_if(under_way_, [&](const auto& one) {
    return one.second.connection == connection && !one.second.to_hub;
  });
}

bool SimNetwork::is_up(const std::string& connection) const {
  return peer_of(connection).has_value();
}

std::optional<std::size_t> SimNetwork::peer_of(const std::string& connection) const {
  const auto found = connections_.find(connection);
  if (found == connections_.end() || found->second.closed) return std::nullopt;
  return found->second.peer;
}

void SimNetwork::block(std::size_t peer, bool to_hub, Instant until) {
  Instant& blocked = links_.at(peer).blocked_until.at(to_hub ? 1 : 0);
  blocked = std::max(blocked, until);
  // What is under way is held back too, in its order.
  std::map<Moment, Packet> later;
  for (auto at = under_way_.begin(); at != under_way_.end() && at->first.first < until;) {
    const auto connection = connections_.find(at->second.connection);
    const bool is_held = at->second.to_hub == to_hub && connection != connections_.end() &&
                         connection->second.peer == peer;
    auto node = is_held ? under_way_.extract(at++) : (++at, std::map<Moment, Packet>::node_type());
    if (!is_held) continue;
    node.key().first = until;
    Instant& last = connection->second.last.at(to_hub ? 1 : 0);
    last = std::max(last, until);
    later.insert(std::move(node));
  }
  under_way_.merge(later);
}

void SimNetwork::heal() {
  for (Link& link : links_) {
    link.blocked_until = {};
    link.slow_until = {};
  }
}

void SimNetwork::send(Packet packet, Instant now, Instant not_before) {
  const auto found = connections_.find(packet.connection);
  if (found == connections_.end() || found->second.closed) return;
  Link& link = links_[found->second.peer];
  const std::size_t direction = packet.to_hub ? 1 : 0;
  Instant& last = found->second.last[direction];
  const bool is_slow = now < link.slow_until || link.random.below(50) == 0;
  const auto most = static_cast<std::uint64_t>(unit_.count()) / (is_slow ? 20 : 300);
  const Duration delay(static_cast<std::int64_t>(100 + link.random.below(most)));
  last = std::max({last, now + delay, not_before, link.blocked_until[direction]});
  under_way_.emplace(Moment(last, next_packet_++), std::move(packet));
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
