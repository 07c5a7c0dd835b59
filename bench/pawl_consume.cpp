// SPDX-License-Identifier: Apache-2.0
// bench_pawl_consume ENDPOINT COUNT BYTES: one handler call a message, until COUNT are acked and
// the hub has answered every ack.
//
//   --workers N      workers, each with a thread (1)
//   --queues N       bench0 … bench(N-1); 1: bench. There are as many workers as queues at least
//   --nack-one-in N  fails each Nth message (by its offset) …
//   --nack-times N   … so often (1)
//   --nack-delay N   … to be tried again after N seconds; 0: as the queue's policy has it
//   --stick-one-in N holds each Nth message (by its offset) and never settles it; says how many
//                    when COUNT others are done, and stays until it is killed
//   --hold N         after COUNT holds N leases, says so, and does nothing more
//   --latency 1      of messages that are stamped; without the first tenth, which warm up
//   --suspects-to N  says `first_suspect` at the first offset below N, `rest_handled` when every
//                    other message is done
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <pawl/worker.hpp>

#include "bench/arguments.hpp"
#include "bench/clock.hpp"
#include "bench/histogram.hpp"
#include "bench/pace.hpp"
#include "bench/queues.hpp"

namespace {

using namespace std::chrono_literals;
using Workers = std::vector<std::unique_ptr<pawl::Worker>>;

constexpr std::uint32_t slots_max = 4'096;  // a hub's bound

struct Failing {
  std::uint64_t one_in = 0;
  std::uint64_t times = 1;
  std::optional<std::chrono::seconds> delay{};

  bool at(const pawl::Delivery& delivery) const {
    return one_in != 0 && delivery.offset() % one_in == 0 && delivery.attempt() <= times;
  }
};

// What the workers' handlers have done together.
class Tally {
 public:
  Tally(Workers& workers, const bench::Arguments& arguments)
      : workers_(workers),
        count_(arguments.count),
        bytes_(arguments.bytes),
        latency_(arguments["--latency"] != 0),
        suspects_to_(arguments["--suspects-to"]) {}

  // Of a message that is done: the last one stops every worker.
  void add(const pawl::Delivery& delivery) {
    if (delivery.body().size() != bytes_) ++wrong_;
    // One thread: that of the one worker.
    if (latency_ && done_ >= count_ / 10) {
      histogram_.add(bench::age_ns(delivery.body().data()));
    }
    if (suspects_to_ != 0) look_for_suspects(delivery.offset());
    const std::uint64_t done = count_one();
    if (done == 1) bench::tell("first_handled", bench::now_s());
    if (done != count_) return;
    for (const auto& worker : workers_) worker->stop();
  }

  bool is_done() const { return done_ >= count_; }
  std::uint64_t wrong() const { return wrong_; }
  void tell_latency() const {
    if (latency_) histogram_.tell();
  }

 private:
  // An atomic addition would be a tenth of what a message costs a worker that is alone.
  std::uint64_t count_one() {
    if (workers_.size() > 1) return ++done_;
    const std::uint64_t done = done_.load(std::memory_order_relaxed) + 1;
    done_.store(done, std::memory_order_relaxed);
    return done;
  }

  void look_for_suspects(std::uint64_t offset) {
    if (offset >= suspects_to_) {
      rest_handled_at_ = bench::now_s();
    } else if (suspects_++ == 0) {
      bench::tell("first_suspect", bench::now_s());
    }
    if (done_ + 1 == count_) bench::tell("rest_handled", rest_handled_at_);
  }

  Workers& workers_;
  std::uint64_t count_;
  std::size_t bytes_;
  bool latency_;
  bench::Histogram histogram_;
  std::uint64_t suspects_to_;
  std::uint64_t suspects_ = 0;
  double rest_handled_at_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> wrong_ = 0;
};

void work(pawl::Worker& worker, Tally& tally, const Failing& failing) {
  if (failing.one_in == 0) {
    worker.run([&](const pawl::Delivery& delivery) { tally.add(delivery); });
    return;
  }
  worker.run([&](const pawl::Delivery& delivery) -> pawl::HandlerOutcome {
    if (failing.at(delivery)) {
      return {pawl::Verdict::nack, "as the bench wants it", failing.delay};
    }
    tally.add(delivery);
    return {};
  });
}

// Keeps what it is to stick to, and everything else goes on.
void work_and_stick(pawl::Worker& worker, Tally& tally, std::uint64_t one_in,
                    std::vector<pawl::Delivery>& stuck) {
  while (!tally.is_done()) {
    std::optional<pawl::Delivery> delivery = worker.receive(100ms);
    if (!delivery) continue;
    if (delivery->offset() % one_in == 0) {
      stuck.push_back(std::move(*delivery));
      continue;
    }
    if (!delivery->ack()) continue;  // somebody else has it now
    tally.add(*delivery);
  }
}

// False once nobody holds the other end of stdin any more.
bool driver_is_there(int wait_ms) {
  pollfd driver{STDIN_FILENO, POLLIN, 0};
  return ::poll(&driver, 1, wait_ms) == 0;
}

// Until we are killed, or the driver is gone: nothing is settled or given back.
[[noreturn]] void stay() {
  while (driver_is_there(-1)) {
  }
  _exit(0);
}

[[noreturn]] void stick(Workers& workers, Tally& tally, std::uint64_t one_in) {
  std::vector<std::vector<pawl::Delivery>> stuck(workers.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      threads.emplace_back([&, i] { work_and_stick(*workers[i], tally, one_in, stuck[i]); });
    }
  }
  std::size_t count = 0;
  for (const auto& part : stuck) count += part.size();
  std::printf("stuck %zu\n", count);
  std::fflush(stdout);
  stay();
}

// Acks `count`, then begins one more and holds `held` leases.
[[noreturn]] void hold(pawl::Worker& worker, std::uint64_t count, std::uint64_t held) {
  std::jthread handler([&] {
    worker.run([&](const pawl::Delivery& delivery) {
      if (delivery.offset() >= count) stay();  // offsets begin with 0
    });
  });
  for (;;) {
    const pawl::WorkerProgress progress = worker.progress();
    if (progress.acked == count && progress.received == count + held) break;
    if (!driver_is_there(10)) _exit(1);
  }
  bench::tell("holding", bench::now_s());
  stay();
}

int finish(Workers& workers, const Tally& tally, std::uint64_t count) {
  std::uint64_t acked = 0;
  bool settled = true;
  for (const auto& worker : workers) settled = worker->drain(1min) && settled;
  bench::tell("all_acked", bench::now_s());
  for (const auto& worker : workers) acked += worker->progress().acked;
  tally.tell_latency();
  if (settled && acked == count && tally.wrong() == 0) return 0;
  std::fprintf(stderr, "%llu of %llu acked, %llu of a wrong size\n",
               static_cast<unsigned long long>(acked), static_cast<unsigned long long>(count),
               static_cast<unsigned long long>(tally.wrong()));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Arguments arguments = bench::read_arguments(
      argc, argv, "bench_pawl_consume ENDPOINT COUNT BYTES [--option number]...",
      {{"--workers", 1},
       {"--queues", 1},
       {"--nack-one-in", 0},
       {"--nack-times", 1},
       {"--nack-delay", 0},
       {"--stick-one-in", 0},
       {"--hold", 0},
       {"--latency", 0},
       {"--suspects-to", 0}});
  Workers workers;
  for (const std::string& queue : bench::queues_of(arguments["--workers"], arguments["--queues"])) {
    pawl::WorkerOptions options{.endpoint = arguments.endpoint, .queue = queue};
    if (arguments["--stick-one-in"] != 0) options.slots = slots_max;
    workers.push_back(std::make_unique<pawl::Worker>(options));
  }
  for (const auto& worker : workers) {
    if (worker->wait_open(30s)) continue;
    std::fprintf(stderr, "no device at %s\n", arguments.endpoint.c_str());
    return 1;
  }
  bench::tell("ready", bench::now_s());
  if (arguments["--hold"] != 0) hold(*workers.front(), arguments.count, arguments["--hold"]);
  Tally tally(workers, arguments);
  if (arguments["--stick-one-in"] != 0) stick(workers, tally, arguments["--stick-one-in"]);
  {
    Failing failing{arguments["--nack-one-in"], arguments["--nack-times"]};
    if (arguments["--nack-delay"] != 0)
      failing.delay = std::chrono::seconds(arguments["--nack-delay"]);
    std::vector<std::jthread> threads;
    for (const auto& worker : workers) {
      threads.emplace_back([&] { work(*worker, tally, failing); });
    }
  }
  return finish(workers, tally, arguments.count);
}
