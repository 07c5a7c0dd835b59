// SPDX-License-Identifier: Apache-2.0
// A test of your own handler: its retries, in no time. The hub's clock is turned by the test, so a
// backoff of seconds or minutes is over at once; worker, producer and handler are the real ones.
#include <cstdio>
#include <stdexcept>
#include <thread>

#include <pawl/pawl.hpp>
#include <pawl/testing.hpp>

// What is to be tested: the warehouse is slow to answer, and sells no curses.
void ship(const pawl::Delivery& order) {
  if (order.text() == "a curse") throw std::runtime_error("not on our shelves");
  if (order.attempt() <= 2)
    throw pawl::Nack("the warehouse does not answer", std::chrono::hours(1));
}

int main() {
  pawl::testing::FaultyHub hub{{.defaults = {.max_attempts = 3}}};
  pawl::Producer producer{{.endpoint = hub.endpoint(), .queue = "orders"}};
  pawl::Worker worker{{.endpoint = hub.endpoint(), .queue = "orders", .peer = "shipping-1"}};
  std::thread working([&] { worker.run(ship); });

  // By hand: two failures, an hour each, then it goes well.
  producer.send("a book").wait();
  bool right = true;
  for (std::uint64_t failures = 1; failures <= 2; ++failures) {
    right = right && hub.wait("orders", [&](const pawl::testing::QueueState& q) {
      return q.delayed == 1 && q.retried == failures;
    });
    hub.advance(std::chrono::hours(1));
  }
  right = right && hub.wait("orders", [](const auto& q) { return q.acked == 1; });

  // To the end: three failures, a second and two between them, then the dead letters.
  producer.send("a curse").wait();
  right = right && hub.settle("orders") && hub.queue("orders").dead == 1;
  for (const pawl::testing::DeadLetter& letter : hub.dead_letters("orders")) {
    std::printf("%s, from %s\n", letter.body.c_str(), letter.origin.c_str());
    const auto first = letter.history.front().at;
    for (const pawl::FailureRecord& f : letter.history) {
      const std::chrono::duration<double> after = f.at - first;
      std::printf("  after %.1f s, by %s: %s\n", after.count(), f.worker.c_str(), f.reason.c_str());
    }
    right = right && letter.history.size() == 3;
  }
  worker.stop();
  working.join();
  return right ? 0 : 1;
}
