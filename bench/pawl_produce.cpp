// SPDX-License-Identifier: Apache-2.0
// bench_pawl_produce ENDPOINT COUNT BYTES: one send() a message, then waits for every confirm.
//
//   --producers N  threads that send, each by producers of its own (1)
//   --queues N     bench0 … bench(N-1) in turn; 1: bench
//   --step N       says `confirmed` at each N that are (one thread)
//   --rate N       so many a second in all, each stamped with when it was sent; 0: as fast as it
//   goes
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pawl/producer.hpp>

#include "bench/arguments.hpp"
#include "bench/clock.hpp"
#include "bench/pace.hpp"
#include "bench/queues.hpp"

namespace {

using Producers = std::vector<std::unique_ptr<pawl::Producer>>;

// The count is looked at this often: a look costs a lock.
constexpr std::uint64_t look_every = 1024;

class Steps {
 public:
  Steps(pawl::Producer& producer, std::uint64_t step) : producer_(producer), step_(step) {}

  void look() {
    if (step_ == 0) return;
    for (const std::uint64_t done = producer_.progress().confirmed; done >= next(); ++told_) {
      bench::tell("confirmed", bench::now_s());
    }
  }

 private:
  std::uint64_t next() const { return (told_ + 1) * step_; }

  pawl::Producer& producer_;
  std::uint64_t step_;
  std::uint64_t told_ = 0;
};

// Of one thread: what it sends, and to which producers in turn.
struct Share {
  std::size_t first;
  std::size_t stride;
  std::uint64_t count;
  std::uint64_t rate;
  std::uint64_t step;
};

void send_share(Producers& producers, const Share& share, std::string body) {
  Steps steps(*producers[share.first], share.step);
  bench::Pace pace(share.rate);
  std::size_t at = share.first;
  for (std::uint64_t sent = 0; sent < share.count;) {
    for (std::uint64_t due = pace.wait(share.count - sent); due > 0; --due, ++sent) {
      if (sent % look_every == 0) steps.look();
      if (share.rate != 0) bench::stamp(body.data());
      producers[at]->send(body);
      at = at + share.stride < producers.size() ? at + share.stride : share.first;
    }
  }
  if (share.step == 0) return;
  producers[share.first]->flush(std::chrono::minutes(2));
  steps.look();
}

void send_all(Producers& producers, const bench::Arguments& arguments) {
  const std::uint64_t threads_count = arguments["--producers"];
  const std::string body(arguments.bytes, 'x');
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < threads_count; ++t) {
    const std::uint64_t end = arguments.count * (t + 1) / threads_count;
    const Share share{t, threads_count, end - arguments.count * t / threads_count,
                      arguments["--rate"] / threads_count, arguments["--step"]};
    threads.emplace_back([&producers, share, &body] { send_share(producers, share, body); });
  }
}

bool all_confirmed(Producers& producers, std::uint64_t count) {
  std::uint64_t confirmed = 0;
  std::string refusal;
  for (const auto& producer : producers) {
    const pawl::SendResult result = producer->flush(std::chrono::minutes(2));
    confirmed += result.complete() ? result.confirmed : 0;
    if (refusal.empty()) refusal = result.first_refusal;
  }
  bench::tell("all_confirmed", bench::now_s());
  if (confirmed == count) return true;
  std::fprintf(stderr, "%llu of %llu confirmed; %s\n", static_cast<unsigned long long>(confirmed),
               static_cast<unsigned long long>(count), refusal.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Arguments arguments = bench::read_arguments(
      argc, argv, "bench_pawl_produce ENDPOINT COUNT BYTES [--option number]...",
      {{"--producers", 1}, {"--queues", 1}, {"--step", 0}, {"--rate", 0}});
  Producers producers;
  for (const std::string& queue :
       bench::queues_of(arguments["--producers"], arguments["--queues"])) {
    producers.push_back(std::make_unique<pawl::Producer>(
        pawl::ProducerOptions{.endpoint = arguments.endpoint, .queue = queue}));
  }
  for (const auto& producer : producers) {
    if (producer->wait_open(std::chrono::seconds(30))) continue;
    std::fprintf(stderr, "no device at %s\n", arguments.endpoint.c_str());
    return 1;
  }
  bench::tell("first_send", bench::now_s());
  send_all(producers, arguments);
  return all_confirmed(producers, arguments.count) ? 0 : 1;
}
