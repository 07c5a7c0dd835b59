// SPDX-License-Identifier: Apache-2.0
// What links without the store: peers.
#include <cstdio>

#include <pawl/producer.hpp>
#include <pawl/worker.hpp>

int main() {
  pawl::Producer orders({.endpoint = "inproc://nobody", .queue = "orders"});
  const pawl::Receipt receipt = orders.send("a book");
  const pawl::SendResult result = orders.close(std::chrono::milliseconds(10));
  pawl::Worker worker({.endpoint = "inproc://nobody", .queue = "orders"});
  worker.close(std::chrono::milliseconds(10));
  std::printf("unconfirmed %llu\n", static_cast<unsigned long long>(result.unconfirmed));
  return result.unconfirmed == 1 && !receipt.wait_for(std::chrono::milliseconds(0)).confirmed() ? 0
                                                                                                : 1;
}
