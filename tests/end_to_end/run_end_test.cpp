// SPDX-License-Identifier: Apache-2.0
// A run that ends by itself: what the worker holds then, and that it can be used again.
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <thread>

#include <pawl/hub.hpp>

#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

void send(const std::string& endpoint, int count) {
  Producer producer{{.endpoint = endpoint, .queue = "work"}};
  for (int i = 0; i < count; ++i) producer.send(std::to_string(i));
  REQUIRE(producer.close(10s).complete());
}

RunEnd run(Worker& worker, bool in_batches, std::vector<std::string>& bodies) {
  std::mutex mutex;
  const auto note = [&](const Delivery& d) {
    const std::lock_guard lock(mutex);
    bodies.emplace_back(d.text());
  };
  if (!in_batches) return worker.run(note);
  return worker.run_batch([&](std::span<const Delivery> batch, std::span<HandlerOutcome>) {
    for (const Delivery& d : batch) note(d);
  });
}

}  // namespace

TEST_CASE(
    "G3 a delay that is longer than the wire takes, and a span that is for ever, are no fault") {
  using std::chrono::milliseconds;
  const Hub hub{{.endpoints = {"inproc://for-ever"}}};
  send("inproc://for-ever", 3);
  Worker worker{
      {.endpoint = "inproc://for-ever", .queue = "work", .idle_exit = milliseconds::max()}};
  std::atomic<int> handled = 0;
  const RunEnd end = worker.run([&](const Delivery& d) {
    if (++handled == 3) worker.stop();
    if (d.text() == "0") throw Nack("not in our time", milliseconds::max());
    if (d.text() == "1") throw Return(std::chrono::hours(24 * 365 * 11));
  });
  CHECK(end == RunEnd::stopped);
  CHECK(worker.drain(10s));
  const WorkerProgress progress = worker.progress();
  CHECK(progress.acked == 1);
  CHECK(progress.nacked == 1);
  CHECK(progress.returned == 1);
}

TEST_CASE("an idle thread gets what is staged beside a slow one, however few slots there are") {
  const Hub hub{{.endpoints = {"inproc://two-slots"}}};
  Worker worker{{.endpoint = "inproc://two-slots", .queue = "work", .threads = 2, .slots = 2}};
  std::promise<void> both_done;
  std::atomic<int> waiting = 0;
  std::latch both(2);
  std::thread runner([&] {
    worker.run([&](const Delivery& d) {
      if (d.text() == "f") return;
      both.arrive_and_wait();  // never, unless both are begun at the same time
      if (++waiting == 2) both_done.set_value();
    });
  });
  Producer producer{{.endpoint = "inproc://two-slots", .queue = "work"}};
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 3000; ++i) producer.send("f");
  producer.send("slow");
  producer.send("other");
  CHECK(both_done.get_future().wait_for(10s) == std::future_status::ready);
  CHECK(std::chrono::steady_clock::now() - begun < 1500ms);  // a beat is two seconds
  worker.stop();
  runner.join();
}

TEST_CASE("a run ended by count_max takes no more than it starts, and the next goes on") {
  const bool in_batches = GENERATE(false, true);
  const std::string endpoint = in_batches ? "inproc://count-batch" : "inproc://count";
  const Hub hub{{.endpoints = {endpoint}}};
  send(endpoint, 10);
  Worker worker{{.endpoint = endpoint, .queue = "work", .threads = 2, .count_max = 3}};
  std::vector<std::string> bodies;
  CHECK(run(worker, in_batches, bodies) == RunEnd::counted);
  CHECK(bodies.size() == 3);
  CHECK(worker.progress().received == 3);
  CHECK(run(worker, in_batches, bodies) == RunEnd::counted);
  CHECK(bodies.size() == 6);
  // Who pulls is not counted.
  for (int i = 6; i < 10; ++i) {
    auto delivery = worker.receive(10s);
    REQUIRE(delivery);
    CHECK(delivery->attempt() == 1);
    CHECK(delivery->ack());
  }
  const CloseResult end = worker.close(10s);
  CHECK(end.clean);
  CHECK(end.progress.acked == 10);
}

TEST_CASE("a run ended by idle_exit asks for nothing more until the next one does") {
  const bool in_batches = GENERATE(false, true);
  const std::string endpoint = in_batches ? "inproc://idle-batch" : "inproc://idle";
  const Hub hub{{.endpoints = {endpoint}}};
  Worker worker{{.endpoint = endpoint, .queue = "work", .idle_exit = 50ms}};
  std::vector<std::string> bodies;
  REQUIRE(worker.wait_open(10s));
  CHECK(run(worker, in_batches, bodies) == RunEnd::idle);
  send(endpoint, 20);
  Worker other{{.endpoint = endpoint, .queue = "work"}};
  for (int i = 0; i < 20; ++i) {
    auto delivery = other.receive(10s);
    REQUIRE(delivery);
    CHECK(delivery->ack());
  }
  CHECK(other.close(10s).progress.acked == 20);
  CHECK(worker.progress().started == 0);
  send(endpoint, 5);
  while (bodies.size() < 5) CHECK(run(worker, in_batches, bodies) == RunEnd::idle);
  CHECK(worker.close(10s).progress.acked == 5);
}

TEST_CASE("run after run_batch, and the other way round") {
  const Hub hub{{.endpoints = {"inproc://both"}}};
  send("inproc://both", 6);
  Worker worker{{.endpoint = "inproc://both", .queue = "work", .count_max = 2}};
  std::vector<std::string> bodies;
  CHECK(run(worker, true, bodies) == RunEnd::counted);
  CHECK(run(worker, false, bodies) == RunEnd::counted);
  CHECK(run(worker, true, bodies) == RunEnd::counted);
  CHECK(bodies == std::vector<std::string>{"0", "1", "2", "3", "4", "5"});
}

TEST_CASE("the end of a run leaves alone who pulls at the same time") {
  const Hub hub{{.endpoints = {"inproc://beside"}}};
  Worker worker{{.endpoint = "inproc://beside", .queue = "work", .idle_exit = 50ms}};
  std::optional<Delivery> pulled;
  std::thread puller([&] { pulled = worker.receive(10s); });
  std::vector<std::string> bodies;
  CHECK(run(worker, false, bodies) == RunEnd::idle);
  send("inproc://beside", 1);
  puller.join();
  REQUIRE(pulled);
  CHECK(pulled->ack());
}

namespace {

std::chrono::steady_clock::duration took(const std::function<void()>& what) {
  const auto begun = std::chrono::steady_clock::now();
  what();
  return std::chrono::steady_clock::now() - begun;
}
constexpr auto half_a_beat = 1s;  // what is waited for until a beat takes up to twice as long

}  // namespace

TEST_CASE("run() of a worker that is refused throws, as soon as it is known") {
  const Hub hub{{.endpoints = {"inproc://strict"}, .queues = {{"work", {}}}, .strict = true}};
  for (int i = 0; i < 20; ++i) {
    Worker worker{{.endpoint = "inproc://strict", .queue = "unknown"}};
    const auto spent = took([&] { CHECK_THROWS_AS(worker.run([](const Delivery&) {}), Refused); });
    CHECK(spent < half_a_beat);
  }
}

TEST_CASE("a worker whose run ended idle closes at once, whoever slept last") {
  const Hub hub{{.endpoints = {"inproc://soon-idle"}}};
  for (int i = 0; i < 20; ++i) {
    send("inproc://soon-idle", 3);
    Worker worker{{.endpoint = "inproc://soon-idle", .queue = "work", .idle_exit = 30ms}};
    int handled = 0;
    CHECK(worker.run([&](const Delivery&) {
      if (++handled == 1) Latch().wait(3ms);  // the I/O thread drives, then the others' thread
    }) == RunEnd::idle);
    CHECK(handled == 3);
    CHECK(took([&] { CHECK(worker.close(10s).clean); }) < half_a_beat);
  }
}

TEST_CASE("a run that ends as counted ends without its hub") {
  for (int i = 0; i < 10; ++i) {
    auto hub = std::make_unique<Hub>(HubOptions{.endpoints = {"inproc://short-lived"}});
    Worker worker{{.endpoint = "inproc://short-lived", .queue = "work", .count_max = 1}};
    std::thread sender([] {
      Producer producer{{.endpoint = "inproc://short-lived", .queue = "work"}};
      CHECK(producer.send("1").wait_for(10s).confirmed());
    });
    const auto spent =
        took([&] { CHECK(worker.run([&](const Delivery&) { hub.reset(); }) == RunEnd::counted); });
    CHECK(spent < half_a_beat);
    worker.close(0ms);  // its outcome has nobody to tell
    sender.join();
  }
}

TEST_CASE("a second thread may join a run whose first has the I/O thread's turns, and both leave") {
  const Hub hub{{.endpoints = {"inproc://joined"}}};
  Producer producer{{.endpoint = "inproc://joined", .queue = "work"}};
  for (int round = 0; round < 20; ++round) {
    Worker worker{{.endpoint = "inproc://joined", .queue = "work"}};
    Notes handled;
    const auto handle = [&](const Delivery& d) { handled.add(std::string(d.text())); };
    std::thread first([&] { worker.run(handle); });
    std::size_t sent = 0;
    const auto one_by_one = [&](int count) {
      for (int i = 0; i < count; ++i) {
        producer.send("m");
        REQUIRE(handled.wait_count(++sent));
      }
    };
    one_by_one(5);
    std::thread second([&] { worker.run(handle); });
    one_by_one(5);
    worker.stop();
    first.join();
    second.join();
    CHECK(took([&] { CHECK(worker.close(10s).clean); }) < half_a_beat);
  }
}
