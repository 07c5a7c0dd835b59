// SPDX-License-Identifier: Apache-2.0
#include "core/transport/router_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/limits.hpp"
#include "core/random.hpp"
#include "core/transport/endpoint.hpp"

namespace pawl::transport {
namespace {

constexpr int receive_messages_max = 16;  // a peer beyond its credit fills TCP, not our memory
constexpr int handshake_ms_max = 5'000;   // a stranger that says nothing
constexpr int linger_ms = 500;            // GOAWAY and the last answers
constexpr int tcp_heartbeat_ms = 15'000;  // reaps half-open connections; liveness is BEAT's job
constexpr std::int64_t frame_bytes_max =
    limits::body_bytes_max + limits::meta_bytes_max + limits::header_bytes_max;
static_assert(frame_bytes_max >= static_cast<std::int64_t>(limits::chunk_bytes_max));

// libzmq 4.3.4 starts a ROUTER's automatic routing ids at rand(), unseeded; a stranger who claims
// the next one makes it abort.
void make_automatic_ids_unguessable() {
  const Bytes16 bytes = SystemEntropy().bytes16();
  unsigned seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  std::srand(seed);
}

// libzmq takes over an ipc path from a process that still listens there, without a word to either.
bool is_listened_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path || path.starts_with('@')) return false;
  path.copy(address.sun_path, path.size());
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool is =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN;
  ::close(probe);
  return is;
}

}  // namespace

Result<RouterSocket> RouterSocket::create(void* context) {
  make_automatic_ids_unguessable();
  SocketHandle socket(zmq_socket(context, ZMQ_ROUTER));
  if (!socket) return last_fault("cannot make a ROUTER socket");
  socket.set(ZMQ_ROUTER_MANDATORY, 1);
  socket.set(ZMQ_SNDHWM, limits::socket_messages_max);
  socket.set(ZMQ_RCVHWM, receive_messages_max);
  socket.set(ZMQ_HANDSHAKE_IVL, handshake_ms_max);
  socket.set(ZMQ_LINGER, linger_ms);
  socket.set(ZMQ_HEARTBEAT_IVL, tcp_heartbeat_ms);
  socket.set(ZMQ_BACKLOG, 1024);
  zmq_setsockopt(socket.get(), ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
  Monitor monitor = Monitor::of_end(context, socket.get());
  return RouterSocket(std::move(socket), std::move(monitor));
}

Fault RouterSocket::bind(const std::string& endpoint) {
  if (Fault fault = check_endpoint(endpoint, true); fault.code != Code::ok) return fault;
  const std::string_view ipc = "ipc://";
  if (endpoint.starts_with(ipc) && is_listened_to(endpoint.substr(ipc.size()))) {
    return {Code::denied, "cannot bind " + endpoint + ": another process listens there"};
  }
  socket_.set(ZMQ_IPV6, is_ipv6(endpoint) ? 1 : 0);
  if (zmq_bind(socket_.get(), endpoint.c_str()) != 0) {
    if (zmq_errno() != ENODEV) return last_fault("cannot bind " + endpoint);
    return {Code::bad_name, "cannot bind " + endpoint +
                                ": no interface has this name; names of machines are not looked "
                                "up, give an address like 127.0.0.1"};
  }
  if (endpoint.starts_with("inproc:")) inproc_endpoints_.push_back(endpoint);
  return {};
}

Fault RouterSocket::unbind(const std::string& endpoint) {
  if (zmq_unbind(socket_.get(), endpoint.c_str()) == 0) return {};
  return last_fault("cannot unbind " + endpoint);
}

void RouterSocket::close() {
  if (!socket_) return;
  Monitor::stop(socket_.get());
  take_down();
}

void RouterSocket::take_down() {
  for (const std::string& endpoint : inproc_endpoints_) unbind(endpoint);
  inproc_endpoints_.clear();
  socket_.close();
}

std::string RouterSocket::last_endpoint() const {
  char text[256];
  std::size_t size = sizeof text;
  if (zmq_getsockopt(socket_.get(), ZMQ_LAST_ENDPOINT, text, &size) != 0) return {};
  return std::string(text);
}

void RouterSocket::finish() {
  if (!socket_) return;
  take_down();
  monitor_.await_end(linger_ms);
}

bool RouterSocket::receive(RoutedMessage& message) {
  return transport::receive(socket_.get(), message);
}

}  // namespace pawl::transport
