// SPDX-License-Identifier: Apache-2.0
// The producer against a hub in this process: absent, full, restarted, and gone for good.
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include <pawl/hub.hpp>

#include "tests/end_to_end/ways.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

class Folder {
 public:
  Folder() : path_("/tmp/pawl-producing-" + std::to_string(getpid())) {
    std::filesystem::remove_all(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> everything_in(const std::string& endpoint, const std::string& queue) {
  std::vector<std::string> bodies;
  Worker worker{{.endpoint = endpoint, .queue = queue, .idle_exit = 1000ms}};
  worker.run([&](const Delivery& d) { bodies.emplace_back(d.text()); });
  return bodies;
}

}  // namespace

TEST_CASE("a hub that comes up after its producer is found") {
  Producer producer{{.endpoint = "inproc://late", .queue = "q"}};
  const Receipt receipt = producer.send("early");
  CHECK_FALSE(producer.wait_open(50ms));
  CHECK_FALSE(receipt.ready());
  const Hub hub{{.endpoints = {"inproc://late"}}};
  CHECK(receipt.wait_for(10s).confirmed());
  CHECK(producer.state() == ConnectionState::open);
}

TEST_CASE("close returns by its deadline, and what had no answer is unconfirmed") {
  Producer producer{{.endpoint = "inproc://nobody", .queue = "q"}};
  const Receipt receipt = producer.send("lost?");
  const auto before = std::chrono::steady_clock::now();
  const SendResult result = producer.close(100ms);
  CHECK(std::chrono::steady_clock::now() - before < 2s);
  CHECK(result.unconfirmed == 1);
  CHECK(receipt.wait_for(0ms).status == OutcomeStatus::unconfirmed);
  CHECK_THROWS_AS(receipt.wait(), Unconfirmed);
  CHECK_THROWS_AS(producer.send("late"), Closed);
}

TEST_CASE("G6 a producer that reached its window fails, waits, or blocks, as it chose") {
  ProducerOptions options{.endpoint = "inproc://absent", .queue = "q"};
  options.unconfirmed_messages_max = 2;
  options.destructor_deadline = 0ms;
  SECTION("fail") {
    options.back_pressure = BackPressure::fail;
    Producer producer{options};
    producer.send("1");
    producer.send("2");
    CHECK(producer.send("3").wait_for(0ms).code == Code::full);
  }
  SECTION("wait") {
    options.back_pressure = BackPressure::wait;
    options.back_pressure_deadline = 50ms;
    Producer producer{options};
    producer.send("1");
    producer.send("2");
    CHECK(producer.send("3").wait_for(0ms).code == Code::full);
  }
  SECTION("block, until there is room") {
    Producer producer{options};
    producer.send("1");
    producer.send("2");
    std::thread blocked([&] { producer.send("3").wait(); });
    const Hub hub{{.endpoints = {"inproc://absent"}}};
    blocked.join();
    CHECK(producer.close(5s).confirmed == 3);
  }
  SECTION("block, until it is closed") {
    Producer producer{options};
    producer.send("1");
    producer.send("2");
    std::thread blocked([&] { CHECK_THROWS_AS(producer.send("3"), Closed); });
    producer.close(100ms);
    blocked.join();
  }
}

TEST_CASE(
    "G4 callers that send now and then send themselves: in order, and nothing waits for a beat") {
  const Hub hub{{.endpoints = {"inproc://calm"}}};
  Producer producer{{.endpoint = "inproc://calm", .queue = "q"}};
  REQUIRE(producer.wait_open(10s));
  constexpr int callers = 3, round_trips = 200;
  std::atomic<int> confirmed = 0;
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] {
      for (int i = 0; i < round_trips; ++i) {
        // Two at once: the second finds the first under way, or waits with the I/O thread.
        producer.send(std::to_string(caller) + ' ' + std::to_string(2 * i));
        const Receipt last =
            producer.send(std::to_string(caller) + ' ' + std::to_string(2 * i + 1));
        if (last.wait_for(30s).confirmed()) ++confirmed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(confirmed == callers * round_trips);
  // A wake-up that is lost costs up to a beat of seconds: a few hundred of them would be seen.
  CHECK(std::chrono::steady_clock::now() - begun < 30s);
  std::vector<int> next(callers, 0);
  for (const std::string& body : everything_in("inproc://calm", "q")) {
    const auto space = body.find(' ');
    CHECK(std::stoi(body.substr(space + 1)) == next.at(std::stoul(body.substr(0, space)))++);
  }
  CHECK(next == std::vector<int>(callers, 2 * round_trips));
}

TEST_CASE("a demanded durability that the hub cannot give is refused for good") {
  const Hub hub{{.endpoints = {"inproc://memory"}}};
  Producer producer{
      {.endpoint = "inproc://memory", .queue = "q", .durability = Durability::synced}};
  CHECK_THROWS_AS(producer.wait_open(5s), Refused);
  CHECK_THROWS_AS(producer.send("x"), Refused);
}

TEST_CASE("names that no queue can have, and endpoints that mean nothing, are refused at once") {
  CHECK_THROWS_AS((Producer{{.queue = "no spaces"}}), std::invalid_argument);
  CHECK_THROWS_AS((Producer{{.endpoint = "nonsense", .queue = "q"}}), std::invalid_argument);
  CHECK_THROWS_AS((Worker{{.queue = ""}}), std::invalid_argument);
}

TEST_CASE("numbers that can never work are refused with field, value and remedy") {
  CHECK_THROWS_WITH((Worker{{.queue = "q", .slots = 4097}}),
                    "slots is 4097, a session has at most 4096: use that, or several workers");
  CHECK_THROWS_AS((Worker{{.queue = "q", .threads = 5000}}), std::invalid_argument);
  CHECK_NOTHROW((Worker{{.queue = "q", .prefetch_messages = 1'000'000, .slots = 4096}}));
}

TEST_CASE("G5 a durable hub that restarts under load keeps each message once") {
  const Folder folder;
  const std::string endpoint = "ipc://" + folder.path() + ".socket";
  const HubOptions options{.endpoints = {endpoint},
                           .data_directory = folder.path(),
                           .timing = {.lease = 1000ms, .beat = 100ms, .margin = 100ms}};
  std::optional<Hub> hub;
  hub.emplace(options);
  Producer producer{{.endpoint = endpoint, .queue = "q", .durability = Durability::synced}};
  std::atomic<bool> over = false;
  int sent = 0;
  std::thread sender([&] {
    while (!over) {
      producer.send(std::to_string(sent));
      if (++sent % 100 == 0) producer.flush(10s);
    }
  });
  for (int i = 0; i < 3; ++i) {
    Notes none;
    none.wait_count(1, 100ms);  // some load first
    hub.reset();
    hub.emplace(options);
    CHECK(producer.wait_open(10s));
  }
  over = true;
  sender.join();
  const SendResult result = producer.close(20s);
  CHECK(result.confirmed == static_cast<std::uint64_t>(sent));
  CHECK(result.complete());
  const auto bodies = everything_in(endpoint, "q");
  REQUIRE(bodies.size() == static_cast<std::size_t>(sent));
  for (int i = 0; i < sent; ++i) CHECK(bodies[static_cast<std::size_t>(i)] == std::to_string(i));
  hub.reset();
  std::filesystem::remove(folder.path() + ".socket");
}

TEST_CASE("a second producer of the same name fences the first") {
  const Hub hub{{.endpoints = {"inproc://fence"}}};
  Producer first{{.endpoint = "inproc://fence", .queue = "q", .name = "import"}};
  first.send("1").wait();
  Producer second{{.endpoint = "inproc://fence", .queue = "q", .name = "import"}};
  second.send("2").wait();
  CHECK_FALSE(first.send("3").wait_for(5s).confirmed());
  CHECK_THROWS_AS(first.send("4"), Refused);
}

TEST_CASE("no callback begins after close has returned") {
  const Hub hub{{.endpoints = {"inproc://callbacks"}}};
  struct Lazy final : Executor {
    std::vector<std::function<void()>> work;
    std::mutex mutex;
    void post(std::function<void()> next) override {
      const std::lock_guard lock(mutex);
      work.push_back(std::move(next));
    }
  } executor;
  int called = 0;
  Producer producer{{.endpoint = "inproc://callbacks", .queue = "q"}};
  producer.send("1").then(executor, [&](const Outcome&) { ++called; });
  CHECK(producer.close(200ms).callbacks_dropped == 1);
  for (const auto& work : executor.work) work();
  CHECK(called == 0);
}

TEST_CASE("close within a callback returns: it does not wait for itself") {
  const Hub hub{{.endpoints = {"inproc://within"}}};
  ThreadExecutor executor;
  Producer producer{{.endpoint = "inproc://within", .queue = "q"}};
  Latch closed;
  SendResult result;
  const auto before = std::chrono::steady_clock::now();
  producer.send("1").then(executor, [&](const Outcome&) {
    result = producer.close(20s);
    closed.open();
  });
  REQUIRE(closed.wait(30s));
  CHECK(std::chrono::steady_clock::now() - before < 10s);
  CHECK(result.confirmed == 1);
}

TEST_CASE("what a peer says of a lost connection, it says of the one that comes after it") {
  const std::string endpoint = "inproc://again";
  std::optional<Hub> hub;
  hub.emplace(HubOptions{.endpoints = {endpoint}});
  Notes said;
  const Log log = [&](LogLevel level, std::string_view text) {
    if (level >= LogLevel::warning) said.add(std::string(text));
  };
  Producer producer{{.endpoint = endpoint, .queue = "q", .log = log}};
  REQUIRE(producer.wait_open(10s));
  hub.reset();
  REQUIRE(said.wait_count(1, 20s));
  hub.emplace(HubOptions{.endpoints = {endpoint}});
  REQUIRE(said.wait_count(2, 20s));
  CHECK(said.all()[0].starts_with("connection lost: "));
  CHECK(said.all()[1] == "connected again");
}

TEST_CASE("a body over 1 MiB is refused, one of 1 MiB is kept") {
  const Hub hub{{.endpoints = {"inproc://large"}}};
  Producer producer{{.endpoint = "inproc://large", .queue = "q"}};
  CHECK(producer.send(std::string(1024 * 1024 + 1, 'x')).wait_for(5s).code == Code::too_large);
  CHECK(producer.send(std::string(1024 * 1024, 'x')).wait_for(5s).confirmed());
  CHECK(everything_in("inproc://large", "q").front().size() == 1024 * 1024);
}
