// SPDX-License-Identifier: Apache-2.0
// A user's own test: the retries of a handler that fails once, not waited for.
#include <cstdio>
#include <stdexcept>
#include <thread>

#include <pawl/pawl.hpp>
#include <pawl/testing.hpp>

int main() {
  pawl::testing::FaultyHub hub({.defaults = {.backoff = {std::chrono::minutes(5)}}});
  pawl::Producer producer({.endpoint = hub.endpoint(), .queue = "orders"});
  producer.send("a book").wait();
  pawl::Worker worker({.endpoint = hub.endpoint(), .queue = "orders"});
  std::thread working([&] {
    worker.run([](const pawl::Delivery& d) {
      if (d.attempt() == 1) throw std::runtime_error("not yet");
    });
  });
  const bool settled = hub.settle("orders");
  worker.stop();
  working.join();
  if (!settled || hub.queue("orders").acked != 1 || hub.queue("orders").retried != 1) return 1;
  std::puts("failed, retried after five minutes, acked");
  return 0;
}
