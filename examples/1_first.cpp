// SPDX-License-Identifier: Apache-2.0
// The shortest whole story: a hub in this process, a producer that sends a message and waits until
// it is kept, a worker that handles it. Returning from the handler acks; throwing would have it
// tried again. With a device (`pawl-queue`) the first line goes, and nothing else changes.
#include <cstdio>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  const pawl::Hub hub{{.endpoints = {"inproc://first"}}};

  pawl::Producer books{{.endpoint = "inproc://first", .queue = "books"}};
  const pawl::Outcome kept = books.send("Moby-Dick").wait();  // throws if it is refused
  std::printf("kept as %s\n", kept.id().c_str());

  pawl::Worker worker{{.endpoint = "inproc://first", .queue = "books", .count_max = 1}};
  worker.run([](const pawl::Delivery& d) {
    std::printf("reading %.*s\n", static_cast<int>(d.text().size()), d.text().data());
  });
  return worker.close(std::chrono::seconds(5)).progress.acked == 1 ? 0 : 1;
}
