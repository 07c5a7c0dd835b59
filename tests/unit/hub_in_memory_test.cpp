// SPDX-License-Identifier: Apache-2.0
// A hub whose rows nobody reads again leaves out those that only recovery reads; all else is the
// same.
#include <catch2/catch.hpp>

#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

HubTester::Options options(bool is_read_again) {
  HubTester::Options options;
  options.hub.defaults = {.max_attempts = 3, .backoff = {1s, 2.0, 5min, 0.0}};
  options.store.is_read_again = is_read_again;
  options.reload_after_commit = is_read_again;
  return options;
}

// What peers see of a story with failures, a death, dead letters, one that rests among them, and a
// chunk of which little is left.
std::string story(HubTester& hub) {
  std::string seen;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders", {.name = "w1"});
  p.send("a,b,c,d,e,f,g,h");
  hub.turn();
  seen += w.delivered() + '\n';
  w.ack("a");
  w.ack("c");
  w.nack("b", "first");
  w.nack("d", "later", 3600'000);
  for (const char* body : {"e", "f", "g"}) w.ack(body);
  hub.turn();
  hub.advance(3s);
  seen += w.delivered() + '\n';
  w.nack("b", "second");
  hub.turn();
  hub.advance(3s);
  seen += w.delivered() + '\n';
  w.nack("b", "third");
  w.reject("h", "no good");
  hub.turn();
  auto& undertaker = hub.worker("orders.dead");
  seen += undertaker.delivered() + '\n';
  seen += std::to_string(undertaker.held("b").meta.history.size()) + '\n';
  undertaker.reject("b", "never");
  undertaker.ack("h");
  hub.turn();
  hub.advance(5s);
  for (const char* queue : {"orders", "orders.dead"}) {
    for (const char* number : {"ready", "leased", "delayed", "dead", "accepted", "acked", "retried",
                               "bytes", "workers"}) {
      seen += std::to_string(hub.stat(queue, number)) + ' ';
    }
  }
  hub.advance(1h);
  seen += w.delivered();
  w.ack("d");
  hub.turn();
  return seen + ' ' + std::to_string(hub.stat("orders", "bytes"));
}

}  // namespace

TEST_CASE("a hub in memory tells its peers the same, and keeps no rows for a recovery") {
  HubTester durable(options(true));
  HubTester in_memory(options(false));
  CHECK(story(in_memory) == story(durable));
  const auto rows = [](HubTester& hub, const records::KeyRange& keys) {
    return hub.store().read_now({Space::state, keys.from, keys.to, SIZE_MAX, 0})->rows.size();
  };
  const records::LogId orders = 1, dead = 2;
  CHECK(rows(durable, records::all_active(dead)) == 1);
  for (const records::LogId log : {orders, dead}) {
    CHECK(rows(in_memory, records::all_active(log)) == 0);
    CHECK(rows(in_memory, records::all_failures(log)) == 0);
  }
}
