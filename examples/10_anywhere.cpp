// SPDX-License-Identifier: Apache-2.0
// The same program between threads, between processes and between hosts: only the endpoint string
// changes. Here all three are served by one hub at once, and what is sent through one door can be
// worked at another.
#include <unistd.h>

#include <cstdio>
#include <string>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

namespace {

bool send_and_work(const std::string& endpoint) {
  using namespace std::chrono_literals;
  pawl::Producer producer{{.endpoint = endpoint, .queue = "anywhere"}};
  for (int i = 0; i < 100; ++i) producer.send("hello");
  pawl::Worker worker{{.endpoint = endpoint, .queue = "anywhere", .count_max = 100}};
  worker.run([](const pawl::Delivery&) {});
  const bool right = producer.close(5s).confirmed == 100 && worker.close(5s).progress.acked == 100;
  std::printf("%s: %s\n", endpoint.c_str(), right ? "100 sent and worked" : "no");
  return right;
}

}  // namespace

int main() {
  const std::string path = "/tmp/pawl-anywhere-" + std::to_string(getpid());
  const pawl::Hub hub{{.endpoints = {"inproc://anywhere", "ipc://" + path, "tcp://127.0.0.1:*"}}};
  bool right = true;
  for (const std::string& endpoint : hub.endpoints()) right = send_and_work(endpoint) && right;
  unlink(path.c_str());
  return right ? 0 : 1;
}
