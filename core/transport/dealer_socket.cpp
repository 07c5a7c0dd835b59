// SPDX-License-Identifier: Apache-2.0
#include "core/transport/dealer_socket.hpp"

#include <zmq.h>

#include <atomic>

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
  if (zmq_socket_monitor(socket, name.c_str(), ZMQ_EVENT_DISCONNECTED) != 0) return {};
  SocketHandle monitor(zmq_socket(context, ZMQ_PAIR));
  if (!monitor) return {};
  monitor.set(ZMQ_LINGER, 0);
  if (zmq_connect(monitor.get(), name.c_str()) != 0) return {};
  return monitor;
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
  while (transport::receive(monitor_.get(), event) != Received::nothing) broken = true;
  return broken;
}

bool DealerSocket::receive(WireMessage& message) {
  for (;;) {
    switch (transport::receive(socket_.get(), message)) {
      case Received::message: return true;
      case Received::nothing: return false;
      case Received::dropped: break;  // not PAWL; the session's liveness decides what follows
    }
  }
}

void DealerSocket::close(int linger_ms) {
  if (socket_) socket_.set(ZMQ_LINGER, linger_ms);
  socket_.close();
}

}  // namespace pawl::transport
