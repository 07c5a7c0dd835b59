// SPDX-License-Identifier: Apache-2.0
// What keeps failing is set aside with its history. Dead letters of "orders" go to "orders.dead", a
// queue like any other: a worker there sees where each came from and what happened to it.
#include <cstdio>
#include <stdexcept>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://dead"},
                       .queues = {{"orders", {.max_attempts = 3, .backoff = {10ms}}}}}};

  pawl::Producer producer{{.endpoint = "inproc://dead", .queue = "orders"}};
  producer.send(pawl::Message{.body = "a poisoned order", .headers = {{"customer", "7"}}});
  producer.send("an impossible order");
  producer.flush(5s);

  pawl::Worker worker{
      {.endpoint = "inproc://dead", .queue = "orders", .count_max = 4, .peer = "shipping-1"}};
  worker.run([](const pawl::Delivery& d) {
    if (d.text() == "an impossible order") throw pawl::Reject("sold out");  // at once
    throw std::runtime_error("the printer is on fire");                     // three times
  });

  int failures = 0;
  pawl::Worker undertaker{{.endpoint = "inproc://dead", .queue = "orders.dead", .count_max = 2}};
  undertaker.run([&](const pawl::Delivery& d) {
    std::printf("%.*s, from %s\n", static_cast<int>(d.text().size()), d.text().data(),
                d.origin().c_str());
    for (const pawl::FailureRecord& f : d.history()) {
      std::printf("  %s by %s: %s\n", f.kind.c_str(), f.worker.c_str(), f.reason.c_str());
      ++failures;
    }
    if (d.text() == "a poisoned order" && d.headers().at("customer") != "7") failures = -100;
  });
  return failures == 4 ? 0 : 1;
}
