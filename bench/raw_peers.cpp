// SPDX-License-Identifier: Apache-2.0
// What libzmq does by itself, to compare with: PUSH, PULL and zmq_proxy, no confirms and no acks.
//
//   bench_raw_peers pull  ENDPOINT COUNT BYTES    binds if ENDPOINT ends with *, else connects
//   bench_raw_peers push  ENDPOINT COUNT BYTES
//   bench_raw_peers proxy - 0 0                   prints where to push and where to pull
//   bench_raw_peers append PATH COUNT BYTES       to a file, with fdatasync
//   bench_raw_peers group PATH COUNT BYTES        the same by a second thread, all that has come
//
//     --pack N     messages to a frame, or to a sync (1)
//     --rate N     sends so many a second, stamped; 0: as fast as it goes
//     --latency 1  of stamped messages, or of a sync; without the first tenth, which warms up
#include <fcntl.h>
#include <unistd.h>
#include <zmq.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/arguments.hpp"
#include "bench/clock.hpp"
#include "bench/histogram.hpp"
#include "bench/pace.hpp"

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

// Packed messages stand behind a length each, as any receiver would need it.
void send_frame(void* socket, std::uint64_t pack, const std::string& body) {
  const auto length = static_cast<std::uint32_t>(body.size());
  const std::size_t entry = body.size() + (pack > 1 ? sizeof length : 0);
  zmq_msg_t message;
  check(zmq_msg_init_size(&message, entry * pack) == 0, "init");
  char* at = static_cast<char*>(zmq_msg_data(&message));
  for (std::uint64_t i = 0; i < pack; ++i) {
    if (pack > 1) {
      std::memcpy(at, &length, sizeof length);
      at += sizeof length;
    }
    std::memcpy(at, body.data(), body.size());
    at += body.size();
  }
  check(zmq_msg_send(&message, socket, 0) >= 0, "zmq_msg_send");
}

void push(void* context, const bench::Arguments& load) {
  void* socket = make_socket(context, ZMQ_PUSH);
  attach(socket, load.endpoint);
  std::string body(load.bytes, 'x');
  const std::uint64_t pack = load["--pack"];
  const std::uint64_t frames = load.count / pack;
  const bool stamped = load["--rate"] != 0;
  bench::Pace pace(load["--rate"]);
  bench::tell("first_send", bench::now_s());
  for (std::uint64_t sent = 0; sent < frames;) {
    for (std::uint64_t due = pace.wait(frames - sent); due > 0; --due, ++sent) {
      if (stamped) bench::stamp(body.data());
      send_frame(socket, pack, body);
    }
  }
  zmq_close(socket);
}

std::uint64_t messages_in(zmq_msg_t* message, std::uint64_t pack) {
  if (pack == 1) return 1;
  const char* at = static_cast<const char*>(zmq_msg_data(message));
  const char* end = at + zmq_msg_size(message);
  std::uint64_t found = 0;
  for (std::uint32_t length = 0; at < end; ++found) {
    std::memcpy(&length, at, sizeof length);
    at += sizeof length + length;
  }
  return found;
}

void pull(void* context, const bench::Arguments& load) {
  void* socket = make_socket(context, ZMQ_PULL);
  attach(socket, load.endpoint);
  const std::uint64_t pack = load["--pack"];
  const bool latency = load["--latency"] != 0;
  bench::Histogram histogram;
  zmq_msg_t message;
  zmq_msg_init(&message);
  for (std::uint64_t got = 0; got < load.count; got += messages_in(&message, pack)) {
    check(zmq_msg_recv(&message, socket, 0) >= 0, "zmq_msg_recv");
    if (latency && got >= load.count / 10) histogram.add(bench::age_ns(zmq_msg_data(&message)));
  }
  bench::tell("last_receive", bench::now_s());
  if (latency) histogram.tell();
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

int open_file(const std::string& path) {
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  check(file >= 0, "open");
  return file;
}

// What a disk gives to whoever writes the messages' bytes and nothing else.
void append(const bench::Arguments& load) {
  const int file = open_file(load.endpoint);
  const std::uint64_t pack = load["--pack"];
  const std::string bytes(load.bytes * pack, 'x');
  const std::uint64_t syncs = load.count / pack;
  bench::Pace pace(load["--rate"]);
  bench::Histogram histogram;
  bench::tell("first_send", bench::now_s());
  for (std::uint64_t done = 0; done < syncs;) {
    for (std::uint64_t due = pace.wait(syncs - done); due > 0; --due, ++done) {
      const std::uint64_t begun = bench::now_ns();
      check(write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
                fdatasync(file) == 0,
            "append");
      if (done >= syncs / 10) histogram.add(bench::now_ns() - begun);
    }
  }
  bench::tell("last_sync", bench::now_s());
  histogram.tell();
  close(file);
}

// The least that a message costs that must not be lost: a thread writes and syncs whatever has come
// meanwhile. From when a message came until it is synced.
class GroupCommit {
 public:
  GroupCommit(int file, std::size_t bytes, std::uint64_t warm_up)
      : file_(file), bytes_(bytes), warm_up_(warm_up), thread_([this] { run(); }) {}
  void add() {
    const std::lock_guard lock(mutex_);
    came_.push_back(bench::now_ns());
    if (came_.size() == 1) changed_.notify_one();
  }
  const bench::Histogram& end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_one();
    }
    thread_.join();
    return histogram_;
  }

 private:
  void run() {
    std::vector<std::uint64_t> group;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ended_ || !came_.empty(); });
      if (came_.empty()) return;
      group.swap(came_);
      came_.clear();
      lock.unlock();
      const std::string bytes(group.size() * bytes_, 'x');
      check(write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
                fdatasync(file_) == 0,
            "append");
      const std::uint64_t now = bench::now_ns();
      for (const std::uint64_t at : group) {
        if (done_++ >= warm_up_) histogram_.add(now - at);
      }
      lock.lock();
    }
  }

  const int file_;
  const std::size_t bytes_;
  const std::uint64_t warm_up_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> came_;  // under mutex_
  bool ended_ = false;               // under mutex_
  std::uint64_t done_ = 0;
  bench::Histogram histogram_;
  std::thread thread_;
};

void append_in_groups(const bench::Arguments& load) {
  const int file = open_file(load.endpoint);
  GroupCommit commit(file, load.bytes, load.count / 10);
  bench::Pace pace(load["--rate"]);
  for (std::uint64_t sent = 0; sent < load.count;) {
    for (std::uint64_t due = pace.wait(load.count - sent); due > 0; --due, ++sent) commit.add();
  }
  commit.end().tell();
  close(file);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const bench::Arguments load = bench::read_arguments(
      argc - 1, argv + 1,
      "bench_raw_peers pull|push|proxy|append|group ENDPOINT COUNT BYTES [--option number]...",
      {{"--pack", 1}, {"--rate", 0}, {"--latency", 0}});
  if (what == "append") {
    append(load);
    return 0;
  }
  if (what == "group") {
    append_in_groups(load);
    return 0;
  }
  void* context = zmq_ctx_new();
  if (what == "proxy") {
    proxy(context);
  } else if (what == "push") {
    push(context, load);
  } else {
    pull(context, load);
  }
  zmq_ctx_term(context);
  return 0;
}
