// SPDX-License-Identifier: Apache-2.0
// Typed messages and headers. Whatever msgpack-cxx can pack is sent as itself and read with
// as<T>(); <pawl/msgpack.hpp> is the only header that needs msgpack-cxx. Bytes remain bytes for all
// others.
#include <cstdio>
#include <string>

#include <pawl/hub.hpp>
#include <pawl/msgpack.hpp>
#include <pawl/pawl.hpp>

struct Order {
  int number = 0;
  std::string title;
  MSGPACK_DEFINE(number, title)
};

int main() {
  const pawl::Hub hub{{.endpoints = {"inproc://typed"}}};

  pawl::Producer orders{{.endpoint = "inproc://typed", .queue = "orders"}};
  orders.send(Order{42, "Moby-Dick"});
  orders.send(pawl::Message{.body = "not an order", .headers = {{"from", "the counter"}}});
  orders.flush(std::chrono::seconds(5));

  int good = 0;
  int odd = 0;
  pawl::Worker worker{{.endpoint = "inproc://typed", .queue = "orders", .count_max = 2}};
  worker.run([&](const pawl::Delivery& d) {
    if (d.headers().count("from") != 0) {
      try {
        d.as<Order>();
      } catch (const pawl::BadBody& error) {  // uncaught, it would be a failure of the message
        std::printf("%s: %s\n", d.headers().at("from").c_str(), error.what());
        ++odd;
      }
      return;
    }
    const Order order = d.as<Order>();
    std::printf("order %d: %s\n", order.number, order.title.c_str());
    good += order.number == 42 ? 1 : 0;
  });
  return good == 1 && odd == 1 ? 0 : 1;
}
