// SPDX-License-Identifier: Apache-2.0
// What libzmq does by itself, to compare with: PUSH, PULL and zmq_proxy, no confirms and no acks.
//
//   bench_raw_peers pull  ENDPOINT COUNT BYTES PACK    binds if ENDPOINT ends with *, else connects
//   bench_raw_peers push  ENDPOINT COUNT BYTES PACK    PACK messages to a frame
//   bench_raw_peers proxy                              prints where to push and where to pull
#include <zmq.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/clock.hpp"

namespace {

// Room for what is under way, as generous as pawl's own windows: the default of 1,000 messages
// would make the comparison easy for pawl.
constexpr int messages_max = 100'000;

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
  std::exit(1);
}

void* make_socket(void* context, int type) {
  void* socket = zmq_socket(context, type);
  check(socket != nullptr, "zmq_socket");
  zmq_setsockopt(socket, ZMQ_SNDHWM, &messages_max, sizeof messages_max);
  zmq_setsockopt(socket, ZMQ_RCVHWM, &messages_max, sizeof messages_max);
  return socket;
}

void attach(void* socket, const std::string& endpoint) {
  if (endpoint.back() != '*') {
    check(zmq_connect(socket, endpoint.c_str()) == 0, "zmq_connect");
    return;
  }
  check(zmq_bind(socket, endpoint.c_str()) == 0, "zmq_bind");
  char bound[256];
  std::size_t size = sizeof bound;
  check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size) == 0, "zmq_getsockopt");
  std::printf("bound %s\n", bound);
  std::fflush(stdout);
}

struct Load {
  std::string endpoint;
  long count;
  std::size_t bytes;
  long pack;
};

// Packed messages stand behind a length each, as any receiver would need it.
void push(void* context, const Load& load) {
  void* socket = make_socket(context, ZMQ_PUSH);
  attach(socket, load.endpoint);
  const std::string body(load.bytes, 'x');
  const auto length = static_cast<std::uint32_t>(body.size());
  bench::tell("first_send", bench::now_s());
  for (long sent = 0; sent < load.count; sent += load.pack) {
    const std::size_t entry = body.size() + (load.pack > 1 ? sizeof length : 0);
    zmq_msg_t message;
    check(zmq_msg_init_size(&message, entry * static_cast<std::size_t>(load.pack)) == 0, "init");
    char* at = static_cast<char*>(zmq_msg_data(&message));
    for (long i = 0; i < load.pack; ++i) {
      if (load.pack > 1) {
        std::memcpy(at, &length, sizeof length);
        at += sizeof length;
      }
      std::memcpy(at, body.data(), body.size());
      at += body.size();
    }
    check(zmq_msg_send(&message, socket, 0) >= 0, "zmq_msg_send");
  }
  zmq_close(socket);
}

long messages_in(zmq_msg_t* message, const Load& load) {
  if (load.pack == 1) return 1;
  const char* at = static_cast<const char*>(zmq_msg_data(message));
  const char* end = at + zmq_msg_size(message);
  long found = 0;
  for (std::uint32_t length = 0; at < end; ++found) {
    std::memcpy(&length, at, sizeof length);
    at += sizeof length + length;
  }
  return found;
}

void pull(void* context, const Load& load) {
  void* socket = make_socket(context, ZMQ_PULL);
  attach(socket, load.endpoint);
  zmq_msg_t message;
  zmq_msg_init(&message);
  for (long got = 0; got < load.count; got += messages_in(&message, load)) {
    check(zmq_msg_recv(&message, socket, 0) >= 0, "zmq_msg_recv");
  }
  bench::tell("last_receive", bench::now_s());
  zmq_msg_close(&message);
  zmq_close(socket);
}

void proxy(void* context) {
  void* front = make_socket(context, ZMQ_PULL);
  void* back = make_socket(context, ZMQ_PUSH);
  attach(front, "tcp://127.0.0.1:*");
  attach(back, "tcp://127.0.0.1:*");
  zmq_proxy(front, back, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  void* context = zmq_ctx_new();
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "proxy") {
    proxy(context);
    return 0;
  }
  if (argc != 6 || (what != "push" && what != "pull")) {
    std::fprintf(stderr, "bench_raw_peers push|pull ENDPOINT COUNT BYTES PACK\n");
    return 2;
  }
  const Load load{argv[2], std::atol(argv[3]), static_cast<std::size_t>(std::atol(argv[4])),
                  std::atol(argv[5])};
  what == "push" ? push(context, load) : pull(context, load);
  zmq_ctx_term(context);
  return 0;
}
