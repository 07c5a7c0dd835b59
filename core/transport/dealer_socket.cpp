// SPDX-License-Identifier: Apache-2.0
#include "core/transport/dealer_socket.hpp"

#include <zmq.h>

#include <array>
#include <atomic>
#include <cstring>

#include "core/limits.hpp"
#include "core/transport/endpoint.hpp"

namespace pawl::transport {
namespace {

// libzmq's own retry within the life of one socket; the session's backoff makes new sockets.
constexpr int reconnect_ms = 50;
constexpr int reconnect_ms_max = 1'000;
// Never met by a peer within its credit: what it may have under way is bounded there.
constexpr int queued_messages_max = 64 * 1024;

// A socket that tells of broken connections. Without one (out of descriptors) silence tells, later.
SocketHandle monitor_of(void* context, void* socket) {
  static std::atomic<std::uint64_t> count{0};
  const std::string name = "inproc://pawl.monitor." + std::to_string(++count);
  constexpr int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_MONITOR_STOPPED;
  if (zmq_socket_monitor(socket, name.c_str(), events) != 0) return {};
  SocketHandle monitor(zmq_socket(context, ZMQ_PAIR));
  if (!monitor) return {};
  monitor.set(ZMQ_LINGER, 0);
  if (zmq_connect(monitor.get(), name.c_str()) != 0) return {};
  return monitor;
}

// Waits as long as the monitor's ZMQ_RCVTIMEO says; 0 when nothing came. An event is two frames:
// its number and a value, then the endpoint.
std::uint16_t next_event(void* monitor) {
  std::array<std::byte, 6> number{};
  std::array<char, 256> endpoint{};
  if (zmq_recv(monitor, number.data(), number.size(), 0) <
      static_cast<int>(sizeof(std::uint16_t))) {
    return 0;
  }
  zmq_recv(monitor, endpoint.data(), endpoint.size(), 0);
  std::uint16_t event = 0;
  std::memcpy(&event, number.data(), sizeof event);
  return event;
}

}  // namespace

Result<DealerSocket> DealerSocket::connect(void* context, const std::string& endpoint) {
  if (Fault fault = check_endpoint(endpoint, false); fault.code != Code::ok) return fault;
  SocketHandle socket(zmq_socket(context, ZMQ_DEALER));
  if (!socket) return last_fault("cannot make a DEALER socket");
  socket.set(ZMQ_SNDHWM, queued_messages_max);
  socket.set(ZMQ_RCVHWM, limits::socket_messages_max);
  socket.set(ZMQ_LINGER, 0);
  socket.set(ZMQ_RECONNECT_IVL, reconnect_ms);
  socket.set(ZMQ_RECONNECT_IVL_MAX, reconnect_ms_max);
  socket.set(ZMQ_IMMEDIATE, 0);
  if (zmq_connect(socket.get(), endpoint.c_str()) != 0) {
    return last_fault("cannot connect to " + endpoint);
  }
  SocketHandle monitor = monitor_of(context, socket.get());
  return DealerSocket(std::move(socket), std::move(monitor));
}

bool DealerSocket::disconnected() {
  if (!monitor_) return false;
  WireMessage event;
  bool broken = false;
  while (transport::receive(monitor_.get(), event)) broken = true;
  return broken;
}

bool DealerSocket::receive(WireMessage& message) {
  return transport::receive(socket_.get(), message);
}

// libzmq sends in a thread of its own, and a process that ends takes that thread with it. The
// monitor stops when the socket has been taken apart, which is after the last of it was sent.
void DealerSocket::close(int linger_ms) {
  if (!socket_) return;
  socket_.set(ZMQ_LINGER, linger_ms);
  socket_.close();
  if (!monitor_ || linger_ms == 0) return;
  monitor_.set(ZMQ_RCVTIMEO, linger_ms);
  while (next_event(monitor_.get()) == ZMQ_EVENT_DISCONNECTED) {
  }
}

}  // namespace pawl::transport
