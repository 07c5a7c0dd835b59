// SPDX-License-Identifier: Apache-2.0
#include "core/transport/frames.hpp"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "core/limits.hpp"

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace pawl::transport {
namespace {

// Debian's libzmq is not built for the thread sanitizer, which so cannot see that a frame sent by
// one thread is received by another after it. These two say so; they are the only place that does.
#if defined(__SANITIZE_THREAD__)
char hand_over;
void frames_leave() {
  __tsan_release(&hand_over);
}
void frames_arrive() {
  __tsan_acquire(&hand_over);
}
#else
void frames_leave() {}
void frames_arrive() {}
#endif

// One zmq_msg_t, closed at the end of its scope.
class Frame {
 public:
  Frame() { zmq_msg_init(&message_); }
  ~Frame() { zmq_msg_close(&message_); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  bool receive(void* socket) {
    int rc = -1;
    do {
      rc = zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT);
    } while (rc < 0 && errno == EINTR);
    if (rc >= 0) frames_arrive();
    return rc >= 0;
  }
  bool more() const { return zmq_msg_more(&message_) != 0; }
  Bytes bytes() {
    return {static_cast<const std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }
  Slice take();

  zmq_msg_t message_;
};

void close_adopted(void* hint) {
  auto* message = static_cast<zmq_msg_t*>(hint);
  zmq_msg_close(message);
  delete message;
}

Slice Frame::take() {
  if (bytes().size() <= copied_bytes_max) return Buffer::copy_of(bytes());
  auto* moved = new zmq_msg_t;
  zmq_msg_init(moved);
  zmq_msg_move(moved, &message_);
  return Buffer::adopt(zmq_msg_data(moved), zmq_msg_size(moved), close_adopted, moved);
}

// The parts of a message after its routing id. `frame` holds the header. Of what is over a limit so
// much is kept that the decoder sees it and says so: one byte of a header, one empty frame.
bool receive_rest(void* socket, Frame& frame, WireMessage& message) {
  const Bytes header = frame.bytes();
  const Bytes kept = header.first(std::min(header.size(), limits::header_bytes_max + 1));
  message.header.assign(kept.begin(), kept.end());
  message.frames.clear();
  bool more = frame.more();
  while (more) {
    if (!frame.receive(socket)) return false;
    more = frame.more();  // take() leaves an empty frame that knows nothing of it
    if (message.frames.size() < limits::frames_max) {
      message.frames.push_back(frame.take());
    } else if (message.frames.size() == limits::frames_max) {
      message.frames.emplace_back();
    }
  }
  return true;
}

void drop_reference(void*, void* hint) {
  Buffer::reclaim(hint);
}

Sent failure() {
  return errno == EAGAIN ? Sent::would_block : Sent::unreachable;
}

bool send_frame(void* socket, zmq_msg_t& message, bool more) {
  frames_leave();
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  int rc = -1;
  do {
    rc = zmq_msg_send(&message, socket, flags);
  } while (rc < 0 && errno == EINTR);
  if (rc >= 0) return true;
  const int error = errno;
  zmq_msg_close(&message);
  errno = error;
  return false;
}

bool send_copy(void* socket, Bytes bytes, bool more) {
  zmq_msg_t message;
  if (zmq_msg_init_size(&message, bytes.size()) != 0) throw std::bad_alloc();
  if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
  return send_frame(socket, message, more);
}

bool send_slice(void* socket, Slice& slice, bool more) {
  if (slice.size <= copied_bytes_max) return send_copy(socket, slice.bytes(), more);
  const Bytes bytes = slice.bytes();
  zmq_msg_t message;
  // libzmq reads only; its signature has no const.
  void* data = const_cast<std::byte*>(bytes.data());
  void* hint = std::move(slice.buffer).leak();
  if (zmq_msg_init_data(&message, data, bytes.size(), drop_reference, hint) != 0) {
    Buffer::reclaim(hint);
    throw std::bad_alloc();
  }
  return send_frame(socket, message, more);
}

}  // namespace

bool receive(void* socket, WireMessage& message) {
  Frame frame;
  return frame.receive(socket) && receive_rest(socket, frame, message);
}

bool receive(void* socket, RoutedMessage& message) {
  Frame frame;
  if (!frame.receive(socket)) return false;
  const Bytes id = frame.bytes();
  message.routing_id.assign(reinterpret_cast<const char*>(id.data()), id.size());
  message.message = {};
  if (!frame.more()) return true;
  return frame.receive(socket) && receive_rest(socket, frame, message.message);
}

// libzmq accepts or refuses a message at its first part; a pipe that ends in the middle rolls back
// what it holds of it, so a failure later on means that nothing was sent either.
Sent send(void* socket, WireMessage&& message) {
  if (!send_copy(socket, message.header, !message.frames.empty())) return failure();
  for (std::size_t i = 0; i < message.frames.size(); ++i) {
    if (!send_slice(socket, message.frames[i], i + 1 < message.frames.size())) return failure();
  }
  return Sent::sent;
}

Sent send(void* socket, RoutedMessage& message) {
  const auto id = std::as_bytes(std::span(message.routing_id.data(), message.routing_id.size()));
  if (!send_copy(socket, id, true)) return failure();
  return send(socket, std::move(message.message));
}

void SocketHandle::close() {
  if (socket_ != nullptr) zmq_close(std::exchange(socket_, nullptr));
}

void SocketHandle::set(int option, int value) {
  PAWL_CHECK(zmq_setsockopt(socket_, option, &value, sizeof value) == 0);
}

int SocketHandle::fd() const {
  int fd = -1;
  std::size_t size = sizeof fd;
  PAWL_CHECK(zmq_getsockopt(socket_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

bool SocketHandle::readable() const {
  int events = 0;
  std::size_t size = sizeof events;
  if (zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0) return false;
  return (events & ZMQ_POLLIN) != 0;
}

Fault last_fault(const std::string& what) {
  const int error = errno;
  return {Code::denied, what + ": " + zmq_strerror(error)};
}

}  // namespace pawl::transport
