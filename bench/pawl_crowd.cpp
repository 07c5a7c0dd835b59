// SPDX-License-Identifier: Apache-2.0
// bench_pawl_crowd ENDPOINT COUNT BYTES: COUNT peers in one thread, producers and workers in turn.
// Says `opened` when all have their queues open; then for each line `rate N` on stdin sends N
// messages a second in all, by the producers in turn, and says `totals SENT CONFIRMED HANDLED`.
// Ends with stdin.
//
//   --first N    the first of these peers is the Nth of the whole crowd (0)
//   --queues N   of the whole crowd: bench0 … bench(N-1) (1)
//   --handles N  queues that each peer has open; a producer and the worker after it have the same
#include <sys/epoll.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/arguments.hpp"
#include "bench/clock.hpp"
#include "bench/crowd_member.hpp"

namespace {

constexpr int sockets_max = 16 * 1024;
constexpr std::uint64_t tick_ns = 10'000'000;

class Crowd {
 public:
  explicit Crowd(const bench::Arguments& arguments)
      : body_(arguments.bytes, std::byte{'x'}), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    void* context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, sockets_max);
    for (std::uint64_t i = 0; i < arguments.count; ++i) add(context, arguments, i);
    watch(STDIN_FILENO, members_.size());
  }

  // Until stdin ends.
  void run() {
    while (!is_over_) {
      epoll_event events[256];
      const int count = epoll_wait(epoll_, events, 256, timeout_ms());
      for (int i = 0; i < count; ++i) {
        const std::size_t index = events[i].data.u64;
        if (index < members_.size()) {
          members_[index]->receive();
        } else {
          obey();
        }
      }
      look_whether_open();
      beat_who_is_due();
      send_what_is_due();
    }
  }

 private:
  void add(void* context, const bench::Arguments& arguments, std::uint64_t index) {
    const std::uint64_t of_all = arguments["--first"] + index;
    const bool is_worker = of_all % 2 == 1;
    bench::CrowdMember::Options options{
        .endpoint = arguments.endpoint,
        .name = "crowd-" + std::to_string(of_all),
        .role = is_worker ? pawl::protocol::Role::worker : pawl::protocol::Role::producer};
    for (std::uint64_t i = 0; i < arguments["--handles"]; ++i) {
      const std::uint64_t queue = (of_all / 2 * arguments["--handles"] + i) % arguments["--queues"];
      options.queues.push_back("bench" + std::to_string(queue));
    }
    expected_ += options.queues.size();
    members_.push_back(std::make_unique<bench::CrowdMember>(context, std::move(options), totals_));
    watch(members_.back()->fd(), index);
    if (is_worker) return;
    for (std::size_t i = 0; i < arguments["--handles"]; ++i) senders_.push_back({index, i});
  }

  void watch(int fd, std::uint64_t data) {
    epoll_event event{EPOLLIN, {.u64 = data}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  int timeout_ms() const {
    const std::uint64_t now = bench::now_ns();
    std::uint64_t until = rate_ != 0 ? now + tick_ns : now + 100 * tick_ns;
    if (beat_every_ns_ != 0) until = std::min(until, std::max(beat_at_ns_, now));
    return static_cast<int>((until - now + 999'999) / 1'000'000);
  }

  void obey() {
    char text[64];
    const ssize_t size = read(STDIN_FILENO, text, sizeof text - 1);
    is_over_ = size <= 0;
    if (is_over_) return;
    text[size] = 0;
    unsigned long long rate = 0;
    if (std::sscanf(text, "rate %llu", &rate) != 1) return;
    rate_ = rate;
    sent_at_rate_ = 0;
    rate_since_ns_ = bench::now_ns();
    std::printf("totals %llu %llu %llu\n", static_cast<unsigned long long>(totals_.sent),
                static_cast<unsigned long long>(totals_.confirmed),
                static_cast<unsigned long long>(totals_.handled));
    std::fflush(stdout);
  }

  void look_whether_open() {
    if (is_open_ || totals_.opened < expected_) return;
    is_open_ = true;
    bench::tell("opened", bench::now_s());
  }

  // One after the other, so that the hub's load is even.
  void beat_who_is_due() {
    const std::uint64_t now = bench::now_ns();
    if (beat_every_ns_ == 0) {
      const std::uint32_t beat_ms = members_.front()->beat_ms();
      if (beat_ms == 0) return;
      beat_every_ns_ = std::uint64_t{beat_ms} * 1'000'000 / members_.size();
      beat_at_ns_ = now;
    }
    for (; beat_at_ns_ <= now; beat_at_ns_ += beat_every_ns_) {
      bench::CrowdMember& member = *members_[beat_of_++ % members_.size()];
      if (member.beat_ms() != 0) member.beat();
    }
  }

  // What has no credit is left out, and shows in the totals.
  void send_what_is_due() {
    const std::uint64_t planned = (bench::now_ns() - rate_since_ns_) / 1'000 * rate_ / 1'000'000;
    for (; sent_at_rate_ < planned; ++sent_at_rate_) {
      const Sender& sender = senders_[next_sender_++ % senders_.size()];
      members_[sender.member]->send(sender.handle, body_);
    }
  }

  struct Sender {
    std::size_t member = 0;
    std::size_t handle = 0;
  };

  std::vector<std::byte> body_;
  int epoll_;
  bench::CrowdTotals totals_;
  std::vector<std::unique_ptr<bench::CrowdMember>> members_;
  std::vector<Sender> senders_;
  std::uint64_t expected_ = 0;
  bool is_open_ = false;
  bool is_over_ = false;
  std::uint64_t beat_every_ns_ = 0, beat_at_ns_ = 0, beat_of_ = 0;
  std::uint64_t rate_ = 0, rate_since_ns_ = 0, sent_at_rate_ = 0, next_sender_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Arguments arguments = bench::read_arguments(
      argc, argv, "bench_pawl_crowd ENDPOINT COUNT BYTES [--option number]...",
      {{"--first", 0}, {"--queues", 1}, {"--handles", 1}});
  Crowd(arguments).run();
  return 0;
}
