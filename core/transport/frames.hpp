// SPDX-License-Identifier: Apache-2.0
// Frames in and out of libzmq. Large frames are handed over both ways without a copy; small ones
// are copied, since a small frame that is kept pins libzmq's whole 8-KB receive buffer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.hpp"
#include "core/wire_message.hpp"

namespace pawl::transport {

inline constexpr std::size_t copied_bytes_max = 1024;

enum class Sent : std::uint8_t {
  sent,
  would_block,  // at the high-water mark: nothing of the message was sent
  unreachable,  // nobody there (any more)
};

// False: nothing is there. Neither waits or throws. A message over limits::header_bytes_max or
// limits::frames_max is read to its end and comes cut to just above the limit, for which the
// decoder has the answer.
bool receive(void* socket, WireMessage& message);
bool receive(void* socket, RoutedMessage& message);
Sent send(void* socket, WireMessage&& message);
// Its frames are taken; if there is no way to the peer, nothing is.
Sent send(void* socket, RoutedMessage& message);

// A libzmq socket with one owner. Closing drops what was not sent after `linger_ms`.
class SocketHandle {
 public:
  SocketHandle() = default;
  explicit SocketHandle(void* socket) : socket_(socket) {}
  SocketHandle(SocketHandle&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  SocketHandle& operator=(SocketHandle&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~SocketHandle() { close(); }

  void* get() const { return socket_; }
  explicit operator bool() const { return socket_ != nullptr; }
  void close();
  void set(int option, int value);
  // libzmq's descriptor is edge-triggered: read until receive() says nothing, and after each send
  // look at readable() again before sleeping on it.
  int fd() const;
  bool readable() const;

 private:
  void* socket_ = nullptr;
};

// What the last libzmq call on this thread complained of, as a Fault for `what`.
Fault last_fault(const std::string& what);

}  // namespace pawl::transport
