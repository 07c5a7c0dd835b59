// SPDX-License-Identifier: Apache-2.0
// pawl::testing: real peers and handlers against a hub whose clock is turned and which fails when
// it is told to. Every wait here is for something that happens at once.
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>

#include <pawl/testing.hpp>

#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

void quiet(LogLevel, std::string_view) {}

// A worker that runs on a thread of its own, until the end of the test.
class Working {
 public:
  Working(const FaultyHub& hub, Handler handler, WorkerOptions options = {})
      : worker_(with(hub, std::move(options))),
        thread_([this, handler = std::move(handler)] { worker_.run(handler); }) {}
  ~Working() {
    worker_.stop();
    thread_.join();
  }
  Worker& worker() { return worker_; }

 private:
  static WorkerOptions with(const FaultyHub& hub, WorkerOptions options) {
    options.endpoint = hub.endpoint();
    options.queue = "orders";
    options.log = quiet;
    options.destructor_deadline = 500ms;
    return options;
  }
  Worker worker_;
  std::thread thread_;
};

ProducerOptions to(const FaultyHub& hub) {
  return {
      .endpoint = hub.endpoint(), .queue = "orders", .log = quiet, .destructor_deadline = 500ms};
}

std::function<bool(const QueueState&)> delayed(std::uint64_t count, std::uint64_t retried) {
  return [=](const QueueState& q) { return q.delayed == count && q.retried == retried; };
}
std::function<bool(const QueueState&)> acked(std::uint64_t count) {
  return [=](const QueueState& q) { return q.acked == count && q.ready + q.leased == 0; };
}

void fail(const Delivery&) {
  throw std::runtime_error("no stock");
}

}  // namespace

TEST_CASE("G3 a backoff is over as soon as the test says so, and not before") {
  FaultyHub hub{{.defaults = {.backoff = {.initial = 5min, .jitter = 0}}}};
  std::atomic<int> attempts = 0;
  Working working{hub, [&](const Delivery& d) {
                    attempts = static_cast<int>(d.attempt());
                    if (d.attempt() < 3) throw std::runtime_error("not yet");
                  }};
  Producer producer{to(hub)};
  producer.send("a book").wait();
  REQUIRE(hub.wait("orders", delayed(1, 1)));
  CHECK(hub.queue("orders").next_due_in.value() > 4min);
  CHECK(hub.queue("orders").next_due_in.value() <= 5min);
  hub.advance(4min);
  CHECK(hub.queue("orders").delayed == 1);
  CHECK(attempts == 1);
  hub.advance(1min);
  REQUIRE(hub.wait("orders", delayed(1, 2)));
  hub.advance(5min);  // the most that a backoff grows to
  CHECK(hub.wait("orders", acked(1)));
  CHECK(attempts == 3);
}

TEST_CASE("delayed nacks and returns come due by advance, each in its own time") {
  FaultyHub hub;
  Notes order;
  Working working{hub, [&](const Delivery& d) {
                    order.add(std::string(d.text()));
                    if (d.redelivered()) return;
                    if (d.text() == "nack") throw Nack("in two hours", 2h);
                    if (d.text() == "return") throw Return(1h);
                  }};
  Producer producer{to(hub)};
  producer.send("nack").wait();
  producer.send("return").wait();
  REQUIRE(hub.wait("orders", delayed(2, 2)));
  hub.advance(1h);
  REQUIRE(hub.wait("orders", acked(1)));
  CHECK(hub.queue("orders").delayed == 1);
  hub.advance(*hub.queue("orders").next_due_in);
  REQUIRE(hub.wait("orders", acked(2)));
  CHECK(order.all() == std::vector<std::string>{"nack", "return", "return", "nack"});
}

TEST_CASE("G3 after max_attempts a message is a dead letter, with times, workers and reasons") {
  FaultyHub hub{{.defaults = {.max_attempts = 4}}};
  Producer producer{to(hub)};
  producer.send(Message{.body = "a book", .headers = {{"customer", "7"}}}).wait();
  {
    Working working{hub, fail, {.peer = "shipping"}};
    REQUIRE(hub.settle("orders"));
  }
  const QueueState orders = hub.queue("orders");
  CHECK(orders.dead == 1);
  CHECK(orders.delayed + orders.ready + orders.leased == 0);
  for (int again = 0; again < 2; ++again) {  // to look takes nothing away
    const std::vector<DeadLetter> letters = hub.dead_letters("orders");
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].body == "a book");
    CHECK(letters[0].headers.at("customer") == "7");
    CHECK(letters[0].origin == "orders/0/0");
    REQUIRE(letters[0].history.size() == 4);
    std::chrono::system_clock::duration backoff = 1s;
    for (std::size_t i = 0; i < 4; ++i) {
      const FailureRecord& failure = letters[0].history[i];
      CHECK((failure.kind + " " + failure.worker + " " + failure.reason) ==
            "nack shipping no stock");
      if (i == 0) continue;
      const auto waited = failure.at - letters[0].history[i - 1].at;
      CHECK(waited >= backoff * 4 / 5);
      CHECK(waited < backoff * 6 / 5 + 5s);  // and what the machine took
      backoff *= 2;
    }
  }
  CHECK(hub.queue("orders.dead").ready == 1);
  CHECK(hub.dead_letters("nothing of the kind").empty());
}

TEST_CASE("G2 sessions and leases stay in real time: years pass while a handler works") {
  FaultyHub hub;
  Latch begun;
  Latch go_on;
  std::atomic<bool> was_valid = false;
  Working working{hub, [&](const Delivery& d) {
                    begun.open();
                    go_on.wait();
                    was_valid = d.valid();
                  }};
  Producer producer{to(hub)};
  producer.send("slow").wait();
  REQUIRE(begun.wait());
  for (int year = 0; year < 20; ++year) hub.advance(std::chrono::hours(24 * 365));
  CHECK(hub.queue("orders").leased == 1);
  go_on.open();
  CHECK(hub.wait("orders", acked(1)));
  CHECK(was_valid);
  CHECK(working.worker().progress().stale == 0);
  CHECK(working.worker().progress().received == 1);
}

TEST_CASE("advance from many threads, while workers are busy, harms nobody") {
  FaultyHub hub{{.defaults = {.max_attempts = 100, .backoff = {.initial = 1min, .jitter = 0.5}}}};
  std::atomic<int> handled = 0;
  Working working{hub,
                  [&](const Delivery& d) {
                    ++handled;
                    if (d.attempt() <= 3) throw std::runtime_error("again");
                  },
                  {.threads = 3}};
  Producer producer{to(hub)};
  std::vector<std::thread> turning;
  for (int i = 0; i < 2; ++i) {
    turning.emplace_back([&] {
      for (int jump = 0; jump < 100; ++jump) hub.advance(1min);
    });
  }
  for (int i = 0; i < 200; ++i) producer.send(std::to_string(i));
  CHECK(producer.flush(10s).complete());
  for (std::thread& thread : turning) thread.join();
  CHECK(hub.settle("orders"));
  CHECK(hub.queue("orders").acked == 200);
  CHECK(hub.queue("orders").dead == 0);
  CHECK(handled == 800);
}

TEST_CASE("G1 a kill, a clean stop and power loss keep what was confirmed, and peers come back") {
  FaultyHub hub;
  Producer producer{to(hub)};
  for (int i = 0; i < 10; ++i) producer.send(std::to_string(i));
  REQUIRE(producer.flush(10s).complete());
  const auto how = GENERATE(as<std::string>(), "kill", "stop", "power cut");
  if (how == "kill") hub.kill();
  if (how == "stop") hub.stop();
  if (how == "power cut") hub.power_cut();
  CHECK_FALSE(hub.is_up());
  const Receipt meanwhile = producer.send("10");
  CHECK_FALSE(meanwhile.ready());
  hub.start();
  CHECK(hub.queue("orders").accepted >= 10);
  CHECK(meanwhile.wait().durability == Durability::synced);
  std::set<std::string> bodies;
  Working working{hub, [&](const Delivery& d) { bodies.insert(std::string(d.text())); }};
  REQUIRE(hub.wait("orders", acked(11), 20s));
  CHECK(bodies.size() == 11);
}

TEST_CASE("G3 failures and their delays survive a kill: hub time does not fall back") {
  FaultyHub hub{{.defaults = {.max_attempts = 2, .backoff = {.initial = 1h, .max = 1h}}}};
  Producer producer{to(hub)};
  producer.send("a book").wait();
  Working working{hub, fail};
  REQUIRE(hub.wait("orders", delayed(1, 1)));
  hub.advance(30min);
  hub.kill();
  hub.start();
  CHECK(hub.queue("orders").delayed == 1);
  CHECK(hub.queue("orders").next_due_in.value() < 45min);
  CHECK(hub.settle("orders", 20s));
  REQUIRE(hub.dead_letters("orders").size() == 1);
  CHECK(hub.dead_letters("orders")[0].history.size() == 2);
}

TEST_CASE("a handler may kill the hub that it works for, and finds its message again") {
  FaultyHub hub;
  Producer producer{to(hub)};
  producer.send("a book").wait();
  std::atomic<int> begun = 0;
  Working working{hub, [&](const Delivery&) {
                    if (begun++ > 0) return;
                    hub.kill();
                    hub.start();
                  }};
  CHECK(hub.wait("orders", acked(1), 20s));
}

TEST_CASE("G5 a failed commit is sent again and kept once, whether it was written or not") {
  bool was_written = false;
  bool was_not = false;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    FaultyHub hub{{.seed = seed}};
    Producer producer{to(hub)};
    producer.send("before").wait();
    hub.fail_next_commit();
    const Outcome outcome = producer.send("torn").wait();
    was_written = was_written || outcome.duplicate;
    was_not = was_not || !outcome.duplicate;
    producer.send("after").wait();
    Notes bodies;
    Working working{hub, [&](const Delivery& d) { bodies.add(std::string(d.text())); }};
    REQUIRE(hub.wait("orders", acked(3)));
    CHECK(bodies.all() == std::vector<std::string>{"before", "torn", "after"});
  }
  CHECK(was_written);
  CHECK(was_not);
}

TEST_CASE("G6 a full disk holds new messages back while old ones are worked, until there is room") {
  FaultyHub hub;
  Producer producer{to(hub)};
  producer.send("old").wait();
  hub.fill_disk(true);
  SECTION("a producer that waits is confirmed later") {
    const Receipt held = producer.send("new");
    Working working{hub, [](const Delivery&) {}};
    CHECK(hub.wait("orders", acked(1)));
    CHECK_FALSE(held.ready());
    hub.fill_disk(false);
    CHECK(held.wait_for(10s).confirmed());
    CHECK(hub.wait("orders", acked(2)));
  }
  SECTION("one that does not is refused") {
    ProducerOptions options = to(hub);
    options.back_pressure = BackPressure::fail;
    Producer impatient{options};
    CHECK(impatient.send("new").wait_for(10s).code == Code::no_space);
  }
  SECTION("a dead message stays in its queue until there is room") {
    Working working{hub, [](const Delivery&) { throw Reject("spoilt"); }};
    REQUIRE(hub.wait("orders", [](const QueueState& q) { return q.delayed == 1; }));
    CHECK_FALSE(hub.settle("orders", 50ms));
    hub.fill_disk(false);
    CHECK(hub.settle("orders"));
    CHECK(hub.dead_letters("orders").size() == 1);
  }
}

TEST_CASE("a suspended hub says nothing, keeps its sessions, and goes on where it was") {
  FaultyHub hub{{.timing = {.lease = 900ms, .beat = 100ms, .margin = 100ms}}};
  Working working{hub, [](const Delivery&) {}};
  Producer producer{to(hub)};
  producer.send("before").wait();
  REQUIRE(hub.wait("orders", acked(1)));
  hub.suspend();
  const Receipt receipt = producer.send("meanwhile");
  CHECK_FALSE(receipt.wait_for(1500ms).confirmed());  // longer than a lease
  CHECK(hub.queue("orders").workers == 1);
  hub.resume();
  CHECK(receipt.wait_for(10s).confirmed());
  CHECK(hub.wait("orders", acked(2)));
  SECTION("killed while it is suspended, it comes up again") {
    hub.suspend();
    hub.kill();
    hub.start();
    CHECK(producer.send("after").wait_for(10s).confirmed());
    CHECK(hub.wait("orders", acked(3)));
  }
}

TEST_CASE("what cannot be done to a hub fails at once, with a sentence") {
  CHECK_THROWS_AS((FaultyHub{{.defaults = {.max_attempts = 0}}}), HubError);
  FaultyHub hub;
  CHECK_THROWS_WITH(hub.advance(-1ms), "FaultyHub::advance: time does not run backwards");
  CHECK_THROWS_WITH(hub.advance(std::chrono::milliseconds::max()),
                    "FaultyHub::advance: a century is the most, all jumps together");
  CHECK_THROWS_WITH(hub.start(),
                    "FaultyHub::start: the hub is up: kill(), power_cut() or stop() it first");
  CHECK_THROWS_WITH(hub.resume(), "FaultyHub::resume: the hub is not suspended");
  hub.suspend();
  CHECK_THROWS_WITH(hub.advance(1s), "FaultyHub::advance: the hub is suspended: resume() it first");
  CHECK_THROWS_WITH(hub.suspend(), "FaultyHub::suspend: the hub is suspended already");
  CHECK_THROWS_WITH(hub.stop(), "FaultyHub::stop: the hub is suspended: resume() it first");
  CHECK_THROWS_WITH(hub.dead_letters("orders"),
                    "FaultyHub::dead_letters: the hub is suspended: resume() it first");
  hub.kill();
  const std::string down = "the hub is down: start() it first";
  CHECK_THROWS_WITH(hub.advance(1s), "FaultyHub::advance: " + down);
  CHECK_THROWS_WITH(hub.queue("orders"), "FaultyHub::queue: " + down);
  CHECK_THROWS_WITH(hub.dead_letters("orders"), "FaultyHub::dead_letters: " + down);
  CHECK_THROWS_WITH(hub.suspend(), "FaultyHub::suspend: " + down);
  CHECK_THROWS_WITH(hub.fail_next_commit(), "FaultyHub::fail_next_commit: " + down);
  CHECK_THROWS_WITH(hub.kill(), "FaultyHub::kill: the hub is down already");
  CHECK_THROWS_WITH(hub.stop(), "FaultyHub::stop: the hub is down already");
  CHECK_FALSE(hub.wait(
      "orders", [](const QueueState&) { return true; }, 10ms));
  hub.power_cut();  // the machine may lose its power after its hub has died
  hub.start();
  CHECK(hub.queue("orders").accepted == 0);
}
