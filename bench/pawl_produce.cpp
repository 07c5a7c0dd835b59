// SPDX-License-Identifier: Apache-2.0
// bench_pawl_produce ENDPOINT COUNT BYTES: one send() a message, then waits for every confirm.
//
//   --producers N  threads that send, each by producers of its own (1)
//   --queues N     bench0 … bench(N-1) in turn; 1: bench
//   --step N       says `confirmed` at each N that are (one thread)
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pawl/producer.hpp>

#include "bench/arguments.hpp"
#include "bench/clock.hpp"
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

// One thread's share, to its producers in turn.
void send_share(Producers& producers, std::size_t first, std::size_t stride, std::uint64_t count,
                const std::string& body, std::uint64_t step) {
  Steps steps(*producers[first], step);
  std::size_t at = first;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i % look_every == 0) steps.look();
    producers[at]->send(body);
    at = at + stride < producers.size() ? at + stride : first;
  }
  if (step == 0) return;
  producers[first]->flush(std::chrono::minutes(2));
  steps.look();
}

void send_all(Producers& producers, const bench::Arguments& arguments, const std::string& body) {
  const std::uint64_t threads_count = arguments["--producers"];
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < threads_count; ++t) {
    const std::uint64_t share =
        arguments.count * (t + 1) / threads_count - arguments.count * t / threads_count;
    threads.emplace_back([&producers, &body, t, threads_count, share, step = arguments["--step"]] {
      send_share(producers, t, threads_count, share, body, step);
    });
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
      argc, argv, "bench_pawl_produce ENDPOINT COUNT BYTES [--producers|--queues|--step N]",
      {{"--producers", 1}, {"--queues", 1}, {"--step", 0}});
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
  const std::string body(arguments.bytes, 'x');
  bench::tell("first_send", bench::now_s());
  send_all(producers, arguments, body);
  return all_confirmed(producers, arguments.count) ? 0 : 1;
}
