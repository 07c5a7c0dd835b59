// SPDX-License-Identifier: Apache-2.0
// Coroutines that are destroyed while they wait: nothing is resumed that is gone, and nothing that
// it was given is lost.
#include <catch2/catch.hpp>
#include <coroutine>
#include <type_traits>
#include <utility>

#include <pawl/hub.hpp>

#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

// A coroutine that its owner may destroy at any point.
class Owned {
 public:
  struct promise_type {
    Owned get_return_object() {
      return Owned(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~Owned() { destroy(); }
  void destroy() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

 private:
  explicit Owned(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Keeps what is posted until it is told to run it.
class Lazy final : public Executor {
 public:
  void post(std::function<void()> next) override {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(next));
    posted_.add("");
  }
  bool wait_posted() { return posted_.wait_count(1); }
  void run() {
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex_);
      work.swap(work_);
    }
    for (const auto& next : work) next();
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> work_;
  Notes posted_;
};

Owned take_one(Worker& worker, int& resumed) {
  std::optional<Delivery> delivery = co_await worker.next();
  ++resumed;
  if (delivery) delivery->ack();
}

Owned take_outcome(Receipt receipt, Executor& executor, int& resumed) {
  co_await receipt.on(executor);
  ++resumed;
}

void send(const std::string& endpoint, int count) {
  Producer producer{{.endpoint = endpoint, .queue = "work"}};
  for (int i = 0; i < count; ++i) producer.send(std::to_string(i));
  REQUIRE(producer.close(10s).complete());
}

bool wait_readable(int fd) {
  pollfd descriptor{fd, POLLIN, 0};
  return ::poll(&descriptor, 1, 10'000) == 1;
}

}  // namespace

static_assert(!std::is_move_constructible_v<NextDelivery>);
static_assert(!std::is_copy_assignable_v<NextDelivery>);

TEST_CASE("a coroutine destroyed while it waits in next() is given nothing any more") {
  const Hub hub{{.endpoints = {"inproc://destroyed"}}};
  Worker worker{{.endpoint = "inproc://destroyed", .queue = "work"}};
  int resumed = 0;
  take_one(worker, resumed).destroy();
  send("inproc://destroyed", 1);
  auto delivery = worker.receive(10s);
  REQUIRE(delivery);
  CHECK_FALSE(delivery->redelivered());
  CHECK(delivery->ack());
  CHECK(resumed == 0);
}

TEST_CASE("G3 what a coroutine was given and did not come for goes back uncounted") {
  const Hub hub{{.endpoints = {"inproc://given"}}};
  Worker worker{{.endpoint = "inproc://given", .queue = "work"}};
  int resumed = 0;
  Owned waiting = take_one(worker, resumed);
  const int fd = worker.fd();
  send("inproc://given", 1);
  REQUIRE(wait_readable(fd));  // it has been given the message, and goes on in poll()
  waiting.destroy();
  auto delivery = worker.receive(10s);
  REQUIRE(delivery);
  CHECK(delivery->attempt() == 1);
  CHECK(delivery->ack());
  CHECK(resumed == 0);
  CHECK(worker.close(10s).progress.nacked == 0);
}

TEST_CASE("G3 the same for one whose going on has been posted to an executor") {
  const Hub hub{{.endpoints = {"inproc://posted"}}};
  Lazy executor;
  Worker worker{{.endpoint = "inproc://posted", .queue = "work", .executor = &executor}};
  int resumed = 0;
  Owned waiting = take_one(worker, resumed);
  send("inproc://posted", 1);
  REQUIRE(executor.wait_posted());
  waiting.destroy();
  executor.run();
  CHECK(resumed == 0);
  auto delivery = worker.receive(10s);
  REQUIRE(delivery);
  CHECK(delivery->attempt() == 1);
  CHECK(delivery->ack());
}

TEST_CASE("a coroutine that goes on in poll() may destroy another that would be next") {
  const Hub hub{{.endpoints = {"inproc://victim"}}};
  Worker worker{{.endpoint = "inproc://victim", .queue = "work"}};
  int resumed = 0;
  std::optional<Owned> victim;
  // Made first, it is named by the other, and it waits behind it.
  Owned first = [](Worker& w, int& count, std::optional<Owned>& other) -> Owned {
    std::optional<Delivery> delivery = co_await w.next();
    ++count;
    other.reset();
    if (delivery) delivery->ack();
  }(worker, resumed, victim);
  victim.emplace(take_one(worker, resumed));
  worker.stop();  // both go on, with nothing
  REQUIRE(wait_readable(worker.fd()));
  worker.poll();
  CHECK(resumed == 1);
}

TEST_CASE("a coroutine destroyed while it waits for an outcome is not resumed by it") {
  const Hub hub{{.endpoints = {"inproc://outcome"}}};
  Lazy executor;
  Producer producer{{.endpoint = "inproc://outcome", .queue = "work"}};
  int resumed = 0;
  const Receipt receipt = producer.send("1");
  Owned waiting = take_outcome(receipt, executor, resumed);
  REQUIRE(executor.wait_posted());
  waiting.destroy();
  executor.run();
  CHECK(resumed == 0);
  CHECK(receipt.wait_for(10s).confirmed());
}
