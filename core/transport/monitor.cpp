// SPDX-License-Identifier: Apache-2.0
#include "core/transport/monitor.hpp"

#include <zmq.h>

#include <array>
#include <atomic>
#include <cstring>
#include <string>

namespace pawl::transport {
namespace {

// An event is two frames: its number with a value, and the endpoint. 0 when none came within the
// socket's ZMQ_RCVTIMEO, or at once.
std::uint16_t next_event(void* events, int flags) {
  std::array<std::byte, 6> number{};
  std::array<char, 256> endpoint{};
  const int size = zmq_recv(events, number.data(), number.size(), flags);
  if (size < static_cast<int>(sizeof(std::uint16_t))) return 0;
  zmq_recv(events, endpoint.data(), endpoint.size(), 0);
  std::uint16_t event = 0;
  std::memcpy(&event, number.data(), sizeof event);
  return event;
}

// A socket that gives up when its ZMQ_LINGER has passed says so just after: see stop().
constexpr int told_within_ms = 250;

}  // namespace

Monitor Monitor::of_connections(void* context, void* socket) {
  return of(context, socket, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_MONITOR_STOPPED);
}

Monitor Monitor::of_end(void* context, void* socket) {
  return of(context, socket, ZMQ_EVENT_MONITOR_STOPPED);
}

Monitor Monitor::of(void* context, void* socket, int events) {
  static std::atomic<std::uint64_t> count{0};
  const std::string name = "inproc://pawl.monitor." + std::to_string(++count);
  if (zmq_socket_monitor(socket, name.c_str(), events) != 0) return {};
  SocketHandle pair(zmq_socket(context, ZMQ_PAIR));
  if (!pair) return {};
  pair.set(ZMQ_LINGER, 0);
  if (zmq_connect(pair.get(), name.c_str()) != 0) return {};
  return Monitor(std::move(pair));
}

bool Monitor::disconnected() {
  bool broken = false;
  while (events_ && next_event(events_.get(), ZMQ_DONTWAIT) != 0) broken = true;
  return broken;
}

void Monitor::stop(void* socket) {
  zmq_socket_monitor(socket, nullptr, 0);
}

void Monitor::await_end(int milliseconds) {
  if (!events_) return;
  events_.set(ZMQ_RCVTIMEO, milliseconds + told_within_ms);
  while (next_event(events_.get(), 0) == ZMQ_EVENT_DISCONNECTED) {
  }
}

}  // namespace pawl::transport
