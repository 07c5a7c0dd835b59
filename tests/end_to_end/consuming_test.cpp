// SPDX-License-Identifier: Apache-2.0
// Every way to consume passes the same tests: all is worked, a kill, a stale settle, a close that
// does not wait for a handler that hangs.
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include <pawl/hub.hpp>
#include <pawl/testing.hpp>

#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

constexpr HubTiming quick{.lease = 600ms, .beat = 100ms, .margin = 100ms};

std::string send(const std::string& endpoint, int count) {
  Producer producer{{.endpoint = endpoint, .queue = "work"}};
  for (int i = 0; i < count; ++i) producer.send(std::to_string(i));
  const SendResult result = producer.close(10s);
  return result.complete() ? "" : "not all confirmed";
}

// Works until it is destroyed.
class Consumer {
 public:
  Consumer(const std::string& way, WorkerOptions options, Handler handler)
      : worker(with_executor(way, std::move(options))),
        thread_([this, way, handler] { consume(way, worker, handler, over_); }) {}
  ~Consumer() {
    close(10s);
    thread_.join();
  }
  CloseResult close(std::chrono::milliseconds deadline) {
    over_ = true;
    return worker.close(deadline);
  }

 private:
  WorkerOptions with_executor(const std::string& way, WorkerOptions options) {
    if (way == "coroutine") options.executor = &executor_;
    return options;
  }
  ThreadExecutor executor_;

 public:
  Worker worker;

 private:
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("G1 every way to consume works off everything, once") {
  const std::string way = GENERATE(from_range(ways()));
  INFO(way);
  const Hub hub{{.endpoints = {"inproc://all-" + way}}};
  REQUIRE(send("inproc://all-" + way, 2000).empty());
  Notes notes;
  CloseResult end;
  {
    Consumer consumer(way, {.endpoint = "inproc://all-" + way, .queue = "work"},
                      [&](const Delivery& d) { notes.add(std::string(d.text())); });
    REQUIRE(notes.wait_count(2000));
    end = consumer.close(10s);
  }
  const auto all = notes.all();
  CHECK(all.size() == 2000);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 2000);
  CHECK(end.clean);
  CHECK(end.progress.acked == 2000);
}

TEST_CASE("messages that come one by one are handled at once, after quick handlers and slow ones") {
  const Hub hub{{.endpoints = {"inproc://one-by-one"}, .timing = quick}};
  Notes handled;
  Consumer consumer("handler", {.endpoint = "inproc://one-by-one", .queue = "work"},
                    [&](const Delivery& delivery) {
                      // Long enough for the I/O thread to be needed meanwhile.
                      if (handled.all().size() % 7 == 6) Latch().wait(3ms);
                      handled.add(std::string(delivery.text()));
                    });
  Producer producer{{.endpoint = "inproc://one-by-one", .queue = "work"}};
  const auto begun = std::chrono::steady_clock::now();
  constexpr std::size_t count = 400;
  for (std::size_t i = 0; i < count; ++i) {
    producer.send(std::to_string(i));
    REQUIRE(handled.wait_count(i + 1));
  }
  // A wake-up that is lost costs a beat, 100 ms; a hundred of them would be seen.
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
  const CloseResult closed = consumer.close(10s);
  CHECK(closed.clean);
  CHECK(closed.progress.acked == count);
  CHECK(handled.all().size() == count);
}

TEST_CASE("G2 an outcome after the handler time-out is stale, and somebody else's counts") {
  const std::string way = GENERATE(from_range(ways()));
  INFO(way);
  const std::string endpoint = "inproc://stale-" + way;
  const Hub hub{{.endpoints = {endpoint},
                 .timing = quick,
                 .defaults = {.handler_timeout = 200ms, .backoff = {10ms}}}};
  REQUIRE(send(endpoint, 1).empty());
  Latch begun;
  Latch worked_elsewhere;
  Latch ended;
  std::atomic<bool> valid_at_end = true;
  Consumer slow(way, {.endpoint = endpoint, .queue = "work"}, [&](const Delivery& d) {
    if (d.attempt() > 1) throw Return();  // for the other one
    begun.open();
    worked_elsewhere.wait();
    // The limit counts from when the handler began, which may be some ms after the hand was taken.
    for (int i = 0; i < 100 && d.valid(); ++i) Latch().wait(10ms);
    valid_at_end = d.valid();
    ended.open();
  });
  REQUIRE(begun.wait());
  Worker other{{.endpoint = endpoint, .queue = "work"}};
  std::optional<Delivery> again;
  // The slow worker is offered it too, and gives it back.
  for (int i = 0; i < 100 && !again; ++i) again = other.receive(100ms);
  REQUIRE(again);
  CHECK(again->attempt() >= 2);  // more, if the slow one sat on it until it was late again
  CHECK(again->redelivered());
  CHECK(again->ack());
  CHECK(other.close(5s).progress.acked == 1);
  worked_elsewhere.open();
  // Its message is lost, so close() waits for the handler no longer than it likes.
  const CloseResult end = slow.close(5s);
  REQUIRE(ended.wait());
  CHECK_FALSE(valid_at_end);
  CHECK(end.progress.acked == 0);
  CHECK(end.progress.timed_out >= 1);
}

TEST_CASE("close returns by its deadline and names what is still running") {
  const std::string way = GENERATE(from_range(ways()));
  INFO(way);
  const std::string endpoint = "inproc://close-" + way;
  const Hub hub{{.endpoints = {endpoint}}};
  REQUIRE(send(endpoint, 10).empty());
  Latch begun;
  Latch let_go;
  std::atomic<int> count = 0;
  std::optional<Consumer> consumer;
  consumer.emplace(way, WorkerOptions{.endpoint = endpoint, .queue = "work", .slots = 1},
                   [&](const Delivery&) {
                     ++count;
                     begun.open();
                     let_go.wait();
                   });
  REQUIRE(begun.wait());
  const auto before = std::chrono::steady_clock::now();
  const CloseResult end = consumer->close(200ms);
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(took < 2s);  // 200 ms, on a machine that may be busy
  CHECK_FALSE(end.clean);
  CHECK(end.still_running == std::vector<std::string>{"work/0/0"});
  let_go.open();
  consumer.reset();
  CHECK(count == 1);  // nothing began after close
}

// What the kill test starts as a process of its own: works until it is killed, at the first
// message.
TEST_CASE("a consumer that hangs in its first message", "[.consumer]") {
  const std::string way = std::getenv("PAWL_TEST_WAY");
  Consumer consumer(way, {.endpoint = std::getenv("PAWL_TEST_ENDPOINT"), .queue = "work"},
                    [&](const Delivery& d) {
                      std::cout << "begun " << d.text() << std::endl;
                      Latch().wait(60s);
                    });
  Latch().wait(60s);
}

namespace {

// This program again, with the test above.
class Child {
 public:
  Child(const std::string& way, const std::string& endpoint) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::string environment[] = {"PAWL_TEST_WAY=" + way, "PAWL_TEST_ENDPOINT=" + endpoint};
    char* env[] = {environment[0].data(), environment[1].data(), nullptr};
    std::string arguments[] = {"consumer", "[.consumer]"};
    char* argv[] = {arguments[0].data(), arguments[1].data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    REQUIRE(posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv, env) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Child() {
    kill();
    ::close(output_);
  }
  bool says(const std::string& what) {
    std::string seen;
    pollfd readable{output_, POLLIN, 0};
    while (seen.find(what) == std::string::npos && ::poll(&readable, 1, 10'000) > 0) {
      char text[256];
      const ssize_t size = ::read(output_, text, sizeof text);
      if (size <= 0) return false;
      seen.append(text, static_cast<std::size_t>(size));
    }
    return seen.find(what) != std::string::npos;
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  int output_ = -1;
};

}  // namespace

TEST_CASE("G1 what a killed consumer held is worked by the next, all of it") {
  const std::string way = GENERATE(from_range(ways()));
  INFO(way);
  const Hub hub{
      {.endpoints = {"tcp://127.0.0.1:*"}, .timing = quick, .defaults = {.backoff = {10ms}}}};
  const std::string endpoint = hub.endpoints()[0];
  REQUIRE(send(endpoint, 50).empty());
  Child child(way, endpoint);
  REQUIRE(child.says("begun 0"));
  child.kill();
  Notes notes;
  std::atomic<int> redelivered = 0;
  Consumer heir(way, {.endpoint = endpoint, .queue = "work"}, [&](const Delivery& d) {
    redelivered += d.redelivered() ? 1 : 0;
    notes.add(std::string(d.text()));
  });
  REQUIRE(notes.wait_count(50));
  const CloseResult end = heir.close(5s);
  const auto all = notes.all();
  CHECK(all.size() == 50);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 50);
  CHECK(redelivered > 0);
  CHECK(end.progress.acked == 50);
}

TEST_CASE(
    "G3 a handler that returns its outcome: each counts as what it says, and so does a throw") {
  FaultyHub hub{
      {.defaults = {.max_attempts = 2, .backoff = {.initial = 1h, .max = 1h, .jitter = 0}}}};
  Producer producer{{.endpoint = hub.endpoint(), .queue = "work"}};
  for (const char* body : {"ack", "nack", "reject", "return", "throw"}) producer.send(body);
  REQUIRE(producer.close(10s).complete());
  Worker worker{{.endpoint = hub.endpoint(), .queue = "work", .idle_exit = 300ms}};
  const auto decide = [decided = 0](const Delivery& d) mutable -> HandlerOutcome {
    ++decided;
    if (d.text() == "nack") return {Verdict::nack, "not yet", 2h};
    if (d.text() == "reject") return {Verdict::reject, "never", {}};
    if (d.text() == "return") return {Verdict::give_back, {}, 3h};
    if (d.text() == "throw") throw std::runtime_error("no stock");
    return {};
  };
  if (GENERATE(true, false)) {
    CHECK(worker.run(decide) == RunEnd::idle);
  } else {
    pollfd ready{worker.fd(), POLLIN, 0};
    for (std::size_t handled = 0; handled < 5;) {
      REQUIRE(poll(&ready, 1, 10'000) == 1);
      handled += worker.poll(decide);
    }
  }
  CHECK(worker.drain(10s));
  const WorkerProgress progress = worker.progress();
  CHECK(progress.acked == 1);
  CHECK(progress.nacked == 2);
  CHECK(progress.rejected == 1);
  CHECK(progress.returned == 1);
  const QueueState left = hub.queue("work");
  CHECK(left.delayed == 3);
  CHECK(left.dead == 1);
  CHECK(left.next_due_in.value() <= 1h);  // the throw's: the queue's own backoff
  const std::vector<DeadLetter> letters = hub.dead_letters("work");
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].history.at(0).reason == "never");
}
