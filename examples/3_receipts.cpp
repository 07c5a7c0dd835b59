// SPDX-License-Identifier: Apache-2.0
// What became of each message. A receipt can be waited on, polled, or given a callback, which runs
// on the executor that you name and nowhere else. Here the queue holds two messages, and the
// producer chose to fail rather than wait: the third is refused, and says so.
#include <atomic>
#include <cstdio>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://receipts"},
                       .defaults = {.max_messages = 2, .overflow = pawl::Overflow::refuse}}};

  pawl::ThreadExecutor executor;
  std::atomic<int> kept = 0;
  std::atomic<int> refused = 0;
  const auto note = [&](const pawl::Outcome& outcome) {
    std::printf("%s\n", outcome.confirmed() ? outcome.id().c_str() : outcome.text.c_str());
    ++(outcome.confirmed() ? kept : refused);
  };

  pawl::Producer producer{{.endpoint = "inproc://receipts",
                           .queue = "small",
                           .back_pressure = pawl::BackPressure::fail}};
  const pawl::Receipt first = producer.send("one");
  first.then(executor, note);
  producer.send("two").then(executor, note);
  producer.send("three").then(executor, note);

  if (!first.wait_for(5s).confirmed()) return 1;
  if (!first.ready()) return 1;
  // No callback begins after close() has returned; those before have had their chance.
  const pawl::SendResult result = producer.close(5s);
  std::printf("%llu confirmed, %llu refused: %s\n",
              static_cast<unsigned long long>(result.confirmed),
              static_cast<unsigned long long>(result.refused), result.first_refusal.c_str());
  return result.confirmed == 2 && result.refused == 1 ? 0 : 1;
}
