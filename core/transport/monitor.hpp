// SPDX-License-Identifier: Apache-2.0
// What libzmq tells of a socket's connections and of its end. One thread owns it.
#pragma once

#include "core/transport/frames.hpp"

namespace pawl::transport {

class Monitor {
 public:
  Monitor() = default;
  // Both of `socket`, which must end before this does. Out of descriptors they are empty and tell
  // nothing: silence on the line tells later. of_connections() must be read now and then: libzmq's
  // thread waits when a thousand events lie unread.
  static Monitor of_connections(void* context, void* socket);
  static Monitor of_end(void* context, void* socket);

  // True once if a connection that stood has broken since the last call (tcp and ipc). handle() is
  // readable when it may be true; null if this is empty.
  bool disconnected();
  void* handle() const { return events_.get(); }

  // Before `socket` is closed, if nobody will await its end: libzmq tells of it in the thread that
  // takes all sockets apart, and waits there for ever when this is gone by then.
  static void stop(void* socket);

  // After the socket was closed: waits until libzmq has given what it held to the kernel, or has
  // given up after its ZMQ_LINGER of `milliseconds`; not much longer. libzmq sends in a thread of
  // its own, and a process that ends takes that thread with it.
  void await_end(int milliseconds);

 private:
  static Monitor of(void* context, void* socket, int events);
  explicit Monitor(SocketHandle events) : events_(std::move(events)) {}
  SocketHandle events_;
};

}  // namespace pawl::transport
