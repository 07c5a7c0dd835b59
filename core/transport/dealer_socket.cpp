// SPDX-License-Identifier: Apache-2.0
#include "core/transport/dealer_socket.hpp"

#include <zmq.h>

#include "core/limits.hpp"
#include "core/transport/endpoint.hpp"

namespace pawl::transport {
namespace {

// libzmq's own retry within the life of one socket; the session's backoff makes new sockets.
constexpr int reconnect_ms = 50;
constexpr int reconnect_ms_max = 1'000;
// Never met by a peer within its credit: what it may have under way is bounded there.
constexpr int queued_messages_max = 64 * 1024;

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
  socket.set(ZMQ_IPV6, is_ipv6(endpoint) ? 1 : 0);
  if (zmq_connect(socket.get(), endpoint.c_str()) != 0) {
    return last_fault("cannot connect to " + endpoint);
  }
  Monitor monitor = Monitor::of_connections(context, socket.get());
  return DealerSocket(std::move(socket), std::move(monitor));
}

bool DealerSocket::receive(WireMessage& message) {
  return transport::receive(socket_.get(), message);
}

void DealerSocket::close(int linger_ms) {
  if (!socket_) return;
  if (linger_ms == 0) Monitor::stop(socket_.get());
  socket_.set(ZMQ_LINGER, linger_ms);
  socket_.close();
  if (linger_ms > 0) monitor_.await_end(linger_ms);
}

}  // namespace pawl::transport
