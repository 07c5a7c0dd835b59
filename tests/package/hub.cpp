// SPDX-License-Identifier: Apache-2.0
// Everything: a hub, a producer and a worker in one program.
#include <cstdio>

#include <pawl/hub.hpp>
#include <pawl/producer.hpp>
#include <pawl/worker.hpp>

int main() {
  using namespace std::chrono_literals;
  pawl::Hub hub({.endpoints = {"inproc://orders"}});
  pawl::Producer producer({.endpoint = "inproc://orders", .queue = "orders"});
  producer.send("a book").wait();
  pawl::Worker worker({.endpoint = "inproc://orders", .queue = "orders"});
  auto delivery = worker.receive(10s);
  if (!delivery || delivery->text() != "a book" || !delivery->ack()) return 1;
  std::puts("sent, confirmed, worked, acked");
  return 0;
}
