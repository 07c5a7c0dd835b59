// SPDX-License-Identifier: Apache-2.0
// A worker whose handlers never end, with nobody else there at first.
#include <catch2/catch.hpp>
#include <thread>

#include <pawl/hub.hpp>

#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::testing;

TEST_CASE("G3 what waits behind handlers that never end is not blamed, and others get it") {
  const std::string way = GENERATE("handler", "batch");
  const std::string endpoint = "inproc://stuck-" + way;
  const Hub hub{{.endpoints = {endpoint},
                 .timing = {.lease = 600ms, .beat = 100ms, .margin = 100ms},
                 .defaults = {.handler_timeout = 200ms, .backoff = {1h, 1.0, 1h}}}};
  {
    Producer producer{{.endpoint = endpoint, .queue = "work"}};
    for (int i = 0; i < 3; ++i) producer.send(std::to_string(i));
    REQUIRE(producer.close(10s).complete());
  }
  Latch begun, let_go;
  Worker stuck{{.endpoint = endpoint, .queue = "work", .batch_messages_max = 1}};
  std::atomic<bool> over = false;
  std::thread consumer([&] {
    const auto handler = [&](const Delivery&) {
      begun.open();
      let_go.wait(60s);
    };
    consume(way, stuck, handler, over);
  });
  REQUIRE(begun.wait());
  Latch().wait(2500ms);  // for a hub to blame two more: 900 ms each
  Worker other{{.endpoint = endpoint, .queue = "work"}};
  for (int i = 0; i < 2; ++i) {
    auto delivery = other.receive(10s);
    REQUIRE(delivery);
    CHECK(delivery->attempt() == 1);
    CHECK(delivery->ack());
  }
  let_go.open();
  stuck.close(10s);
  consumer.join();
  CHECK(stuck.progress().timed_out == 1);
  CHECK(other.close(10s).clean);
}

TEST_CASE("a worker whose handler ends at last, however late, goes on") {
  const Hub hub{{.endpoints = {"inproc://unstuck"},
                 .timing = {.lease = 600ms, .beat = 100ms, .margin = 100ms},
                 .defaults = {.handler_timeout = 200ms, .backoff = {1h, 1.0, 1h}}}};
  Producer producer{{.endpoint = "inproc://unstuck", .queue = "work"}};
  Latch begun, let_go;
  Notes notes;
  Worker worker{{.endpoint = "inproc://unstuck", .queue = "work"}};
  std::thread consumer([&] {
    worker.run([&](const Delivery& d) {
      begun.open();
      let_go.wait(60s);
      notes.add(std::string(d.text()));
    });
  });
  producer.send("late");
  REQUIRE(begun.wait());
  producer.send("next");
  Latch().wait(500ms);
  let_go.open();
  CHECK(notes.wait_count(2));
  CHECK(worker.close(10s).progress.acked == 1);
  consumer.join();
}
