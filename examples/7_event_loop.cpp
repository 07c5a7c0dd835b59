// SPDX-License-Identifier: Apache-2.0
// Somebody else's event loop: fd() is readable when poll() has something to do, so a worker fits
// into poll(2), epoll, libuv, Qt. Nothing blocks, and no handler runs on a thread that is not
// yours.
#include <poll.h>

#include <cstdio>
#include <string>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://loop"}}};

  pawl::Producer producer{{.endpoint = "inproc://loop", .queue = "ticks"}};
  for (int i = 0; i < 1000; ++i) producer.send(std::to_string(i));

  int handled = 0;
  int wakes = 0;
  pawl::Worker worker{{.endpoint = "inproc://loop", .queue = "ticks"}};
  pollfd descriptors[] = {{worker.fd(), POLLIN, 0}};  // and your own
  while (handled < 1000 && ::poll(descriptors, 1, 5000) > 0) {
    ++wakes;
    worker.poll([&](const pawl::Delivery&) { ++handled; });  // a bounded number, then back here
  }
  std::printf("%d messages in %d wake-ups\n", handled, wakes);
  return worker.close(5s).progress.acked == 1000 ? 0 : 1;
}
