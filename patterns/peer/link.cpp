// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/link.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/protocol/names.hpp"
#include "core/random.hpp"
#include "core/transport/context.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl {

std::string_view name_of(ConnectionState state) {
  switch (state) {
    case ConnectionState::connecting: return "connecting";
    case ConnectionState::open: return "open";
    case ConnectionState::lost: return "lost";
    case ConnectionState::refused: return "refused";
    case ConnectionState::closed: return "closed";
  }
  return "unknown";
}

namespace peer {
namespace {

// A look is two system calls; libzmq holds a thousand events.
constexpr int monitor_unasked_max = 256;

}  // namespace

Link::Link(Options options) : options_(std::move(options)) {
  if (options_.on_connection && options_.executor == nullptr) {
    throw std::invalid_argument("on_connection needs an executor to run on");
  }
  if (options_.context == nullptr) options_.context = transport::process_context();
  auto socket = transport::DealerSocket::connect(options_.context, options_.endpoint);
  if (!socket) throw std::invalid_argument(socket.fault().text);
  socket_ = std::move(*socket);
}

bool Link::receive(WireMessage& message) {
  return socket_ && socket_->receive(message);
}

bool Link::broken() {
  // Seldom without a word from the sleep: whoever is always busy does not sleep.
  const bool is_told = monitor_ready_.load(std::memory_order_relaxed);
  if (!socket_ || (!is_told && ++unasked_ < monitor_unasked_max)) return false;
  monitor_ready_.store(false, std::memory_order_relaxed);
  unasked_ = 0;
  return socket_->disconnected();
}

std::optional<SocketFailed> Link::carry_out(PeerEffects& effects) {
  std::optional<SocketFailed> failed;
  for (auto& [level, text] : effects.logs) log(level, text);
  for (const ConnectionEvent& event : effects.events) announce(event);
  if (effects.recreate_socket && !unused_) {
    if (socket_) socket_->close(0);
    socket_.reset();
    auto socket = transport::DealerSocket::connect(options_.context, options_.endpoint);
    if (!socket) return SocketFailed{socket.fault().text};
    socket_ = std::move(*socket);
    monitor_ready_ = true;
  }
  if (effects.recreate_socket) unused_ = false;
  for (WireMessage& message : effects.sends) {
    if (!socket_) return SocketFailed{"no socket"};
    if (socket_->send(std::move(message)) == transport::Sent::sent) continue;
    return SocketFailed{"the socket takes no more"};
  }
  return failed;
}

void Link::prepare(Wait& wait, int other_fd) const {
  auto& [socket, monitor, woken, other] = wait.sources;
  socket.socket = socket_ ? socket_->handle() : nullptr;
  monitor.socket = socket_ ? socket_->monitor() : nullptr;
  monitor.drained = true;
  woken.fd = wake_.fd();
  other.fd = other_fd;
  wait.sleep.emplace(wait.sources);
}

void Link::carry_out(Wait& wait, Instant deadline, Instant now) {
  Duration timeout(-1);
  if (deadline != never) timeout = std::max(deadline - now, Duration::zero());
  wait.sleep->wait(timeout);
  const auto& [socket, monitor, woken, other] = wait.sources;
  if (monitor.ready) monitor_ready_.store(true, std::memory_order_relaxed);
  wait.was_woken = woken.ready;
  if (woken.ready) wake_.clear();
}

void Link::close(int linger_ms) {
  if (socket_) socket_->close(linger_ms);
  socket_.reset();
}

void Link::announce(const ConnectionEvent& event) {
  state_.store(event.state);
  if (event.state == ConnectionState::lost) {
    is_lost_ = true;
    log(LogLevel::warning, "connection lost: " + event.text);
  }
  // As loud as the loss: whoever read of that one waits to read of its end.
  if (event.state == ConnectionState::open && std::exchange(is_lost_, false)) {
    log(LogLevel::warning, "connected again");
  }
  if (event.state == ConnectionState::refused) log(LogLevel::error, "refused: " + event.text);
  if (!options_.on_connection) return;
  gate_->post(*options_.executor, [call = options_.on_connection, event] { call(event); });
}

void Link::log(LogLevel level, const std::string& text) const {
  if (options_.log) return options_.log(level, text);
  if (level < LogLevel::warning) return;
  std::fprintf(stderr, "pawl: %s: %s\n", options_.endpoint.c_str(), text.c_str());
}

void require_name(const std::string& what, const std::string& name) {
  const Fault fault = protocol::check_name(what, name);
  if (fault.code != Code::ok) throw std::invalid_argument(fault.text);
}

std::string default_peer_name() {
  char host[65] = {};
  if (gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "unknown");
  return std::string(host) + ":" + std::to_string(getpid());
}

std::uint64_t random_seed() {
  const Bytes16 bytes = SystemEntropy().bytes16();
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return seed;
}

std::string random_name() {
  std::string name;
  for (const std::byte byte : SystemEntropy().bytes16()) {
    constexpr char digits[] = "0123456789abcdef";
    name += digits[std::to_integer<unsigned>(byte) >> 4];
    name += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return name;
}

}  // namespace peer
}  // namespace pawl
