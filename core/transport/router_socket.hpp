// SPDX-License-Identifier: Apache-2.0
// The hub's socket. One thread owns it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/transport/frames.hpp"
#include "core/transport/monitor.hpp"

namespace pawl::transport {

class RouterSocket {
 public:
  // `context`: a libzmq context.
  static Result<RouterSocket> create(void* context);

  // Code::ok, or a sentence that names the endpoint. The endpoint as bound (a wildcard port chosen)
  // is last_endpoint().
  Fault bind(const std::string& endpoint);
  Fault unbind(const std::string& endpoint);
  std::string last_endpoint() const;

  // For poll(2); edge-triggered, see SocketHandle::fd().
  int fd() const { return socket_.fd(); }
  bool readable() const { return socket_.readable(); }
  void* handle() const { return socket_.get(); }

  // The next message, or false when there is none. Does not wait.
  bool receive(RoutedMessage& message);

  // Does not wait, does not throw for anything the peer does.
  Sent send(RoutedMessage& message) { return transport::send(socket_.get(), message); }

  // Sends what is queued for at most LINGER (500 ms), in libzmq's own thread. An inproc name is
  // free again at once; a tcp port or ipc path when libzmq's thread has got to it.
  void close();
  // The same, and waits until it is sent: for a process that ends.
  void finish();
  ~RouterSocket() { close(); }
  RouterSocket(RouterSocket&&) noexcept = default;
  RouterSocket& operator=(RouterSocket&&) noexcept = default;

 private:
  RouterSocket(SocketHandle socket, Monitor monitor)
      : monitor_(std::move(monitor)), socket_(std::move(socket)) {}
  void take_down();

  Monitor monitor_;
  SocketHandle socket_;  // closed first: it writes to the monitor
  std::vector<std::string> inproc_endpoints_;
};

}  // namespace pawl::transport
