// SPDX-License-Identifier: Apache-2.0
// A peer's socket: one DEALER on one endpoint. One thread owns it. On loss of liveness it is thrown
// away and made anew, so that names are resolved again and inproc, which never reconnects by
// itself, does too.
#pragma once

#include <cstdint>
#include <string>

#include "core/transport/frames.hpp"
#include "core/transport/monitor.hpp"

namespace pawl::transport {

class DealerSocket {
 public:
  // Starts to connect. A Fault for an endpoint that libzmq does not understand, or, for inproc, one
  // that nobody has bound yet in a context that is full.
  static Result<DealerSocket> connect(void* context, const std::string& endpoint);

  void* handle() const { return socket_.get(); }
  int fd() const { return socket_.fd(); }
  bool readable() const { return socket_.readable(); }

  bool receive(WireMessage& message);
  Sent send(WireMessage&& message) { return transport::send(socket_.get(), std::move(message)); }

  // True once if a connection that stood has broken since the last call (tcp and ipc): libzmq
  // connects again behind our back, to a hub that may not know us. monitor() is readable when it
  // may be true.
  bool disconnected() { return monitor_.disconnected(); }
  void* monitor() const { return monitor_.handle(); }

  // Waits until what was queued has been given to the kernel, at most `linger_ms`.
  void close(int linger_ms);
  ~DealerSocket() { close(0); }
  DealerSocket(DealerSocket&&) noexcept = default;
  DealerSocket& operator=(DealerSocket&&) noexcept = default;

 private:
  DealerSocket(SocketHandle socket, Monitor monitor)
      : monitor_(std::move(monitor)), socket_(std::move(socket)) {}

  Monitor monitor_;
  SocketHandle socket_;  // closed first: it writes to the monitor
};

}  // namespace pawl::transport
