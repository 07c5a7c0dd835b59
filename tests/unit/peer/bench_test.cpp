// SPDX-License-Identifier: Apache-2.0
// The bench without an I/O thread: the test stages hands and says what is believed.
#include "patterns/peer/bench.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "patterns/peer/clock.hpp"
#include "patterns/peer/handling.hpp"
#include "tests/end_to_end/ways.hpp"
#include "tests/unit/peer/script.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

struct Staged {
  explicit Staged(WorkerOptions options = {.queue = "q"})
      : bench(std::make_shared<Bench>(options, std::make_shared<CallbackGate>())) {
    bench->start_waking([this] { ++wakes; });
    believe(60s);
  }
  // Leases hold the bench.
  ~Staged() { bench->retire(); }

  std::shared_ptr<Bench> bench;
  std::uint64_t hands = 0;
  int wakes = 0;

  void believe(std::chrono::seconds until) {
    const auto at = read_clock() + until;
    bench->believed_until_us.store(at.time_since_epoch().count());
  }
  Bench::Work take_work() {
    Bench::Work work;
    bench->take_work(work);
    return work;
  }
  LeaseRef hand_of(std::vector<Run> runs) {
    std::uint32_t count = 0;
    for (Run& run : runs) {
      run.first = count;
      count += run.count;
    }
    auto shared = std::make_shared<const std::vector<Run>>(std::move(runs));
    return LeaseRef(new pawl::detail::Lease(bench, Hand{++hands, count, std::move(shared)}));
  }
  // One hand.
  void stage_runs(std::vector<Run> runs) {
    std::vector<LeaseRef> staged;
    staged.push_back(hand_of(std::move(runs)));
    bench->stage(std::move(staged), false, 1);
  }
  // Hands of one message.
  void stage_singles(int hands_more, std::uint32_t hand_messages) {
    std::vector<LeaseRef> staged;
    for (int i = 0; i < hands_more; ++i) {
      staged.push_back(hand_of({{1, 5, 0, hands, 1, 1, 0, chunk_of(1)}}));
    }
    bench->stage(std::move(staged), false, hand_messages);
  }
  void stage(std::uint32_t count) { stage_runs({{1, 5, 0, 0, count, 1, 0, chunk_of(count)}}); }
};

}  // namespace

TEST_CASE("G2 nothing is pulled, and no outcome counts, once the belief in the leases has ended") {
  Staged s;
  s.stage(3);
  auto first = s.bench->try_pull();
  auto second = s.bench->try_pull();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->ack());
  s.believe(-1s);
  CHECK_FALSE(s.bench->try_pull());
  CHECK_FALSE(second->ack());
  s.believe(60s);
  s.bench->stage({}, false, 1);
  auto third = s.bench->try_pull();
  REQUIRE(third);
  CHECK(third->ack());
}

TEST_CASE("G2 valid_until counts the handler time-out from when this very message was begun") {
  Staged s;
  s.bench->handler_timeout_us.store(10'000'000);
  std::vector<Duration> left;
  const auto note = [&](const Delivery& delivery) {
    left.push_back(std::chrono::duration_cast<Duration>(delivery.valid_until() -
                                                        std::chrono::steady_clock::now()));
    if (left.size() == 1) Latch().wait(1500ms);  // a slow handler; the next one has its whole time
    if (left.size() == 2) s.bench->end(RunEnd::stopped);
  };
  SECTION("of one hand") {
    s.stage(2);
    run_singly(s.bench, note);
  }
  SECTION("of two hands that wait") {
    s.stage(1);
    s.stage(1);
    run_singly(s.bench, note);
  }
  SECTION("pulled") {
    s.stage(2);
    while (auto delivery = s.bench->try_pull()) note(*delivery);
  }
  REQUIRE(left.size() == 2);
  CHECK(left[0] > 9s);
  CHECK(left[1] > 9s);
  CHECK(left[1] <= 10s);
}

TEST_CASE("G2 valid_until ends with the belief in the lease, and is over for what was lost") {
  Staged s;
  s.bench->handler_timeout_us.store(10'000'000);
  s.believe(3s);
  s.stage(1);
  auto delivery = s.bench->try_pull();
  REQUIRE(delivery);
  CHECK(delivery->valid_until() < std::chrono::steady_clock::now() + 4s);
  CHECK(delivery->valid());
  s.believe(-1s);
  CHECK_FALSE(delivery->valid());
}

TEST_CASE("each message of a hand of several runs is delivered as what it is") {
  Staged s;
  std::vector<std::string> seen;
  const auto note = [&](const Delivery& delivery) {
    seen.push_back(std::to_string(delivery.offset()) + " of lease " +
                   std::to_string(delivery.lease()) + ", attempt " +
                   std::to_string(delivery.attempt()) + (delivery.redelivered() ? "!" : ""));
  };
  const std::vector<Run> runs{
      {1, 5, 0, 10, 2, 1, 0, chunk_of(2)},
      {2, 6, 0, 30, 1, 2, protocol::deliver_flags::redelivered, chunk_of(1)}};
  s.stage_runs(runs);
  SECTION("to run") {
    run_singly(s.bench, [&](const Delivery& delivery) {
      note(delivery);
      if (seen.size() == 3) s.bench->end(RunEnd::stopped);
    });
  }
  SECTION("to run_batch") {
    run_batches(s.bench, [&](std::span<const Delivery> batch, std::span<HandlerOutcome>) {
      for (const Delivery& delivery : batch) note(delivery);
      s.bench->end(RunEnd::stopped);
    });
  }
  SECTION("to who pulls") {
    while (auto delivery = s.bench->try_pull()) {
      note(*delivery);
      delivery->ack();
    }
    const auto work = s.take_work();
    REQUIRE(work.events.size() == 3);
    const auto* last = std::get_if<Finished>(&work.events.back());
    REQUIRE(last != nullptr);
    CHECK(last->first == 2);
  }
  CHECK(seen == std::vector<std::string>{"10 of lease 5, attempt 1", "11 of lease 5, attempt 1",
                                         "30 of lease 6, attempt 2!"});
}

TEST_CASE("small hands of fast handlers are told of together, the last one at hand at once") {
  Staged s;
  s.stage_singles(4, 64);
  s.take_work();
  CHECK(s.bench->may_sleep());
  const auto runners = s.bench->begin_run(false);
  LeaseRef hand = s.bench->exchange(*runners, {});
  hand = s.bench->exchange(*runners, std::move(hand));
  hand = s.bench->exchange(*runners, std::move(hand));
  CHECK(s.wakes == 0);
  CHECK(s.bench->has_untold());
  hand = s.bench->exchange(*runners, std::move(hand));  // nothing is staged behind it
  CHECK(s.wakes == 1);
  CHECK(s.take_work().done.size() == 3);
}

TEST_CASE("an outcome is told although the handlers have just been found slow") {
  Staged s;
  s.stage_singles(4, 64);
  s.take_work();
  const auto runners = s.bench->begin_run(false);
  LeaseRef hand = s.bench->exchange(*runners, {});
  hand->cursor.begin_next(false);
  hand = s.bench->exchange(*runners, std::move(hand));
  s.bench->stage({}, false, 1);
  CHECK_FALSE(s.bench->may_sleep());
}

TEST_CASE("a hand that comes back with nothing begun is told of") {
  Staged s;
  s.stage_singles(4, 1);
  s.take_work();
  CHECK(s.bench->may_sleep());
  const auto runners = s.bench->begin_run(false);
  LeaseRef hand = s.bench->exchange(*runners, {});
  hand = s.bench->exchange(*runners, std::move(hand));
  CHECK(s.wakes == 1);
}

TEST_CASE("run and run_batch of one worker at once are refused") {
  Staged s;
  const auto runners = s.bench->begin_run(false);
  CHECK_NOTHROW(s.bench->begin_run(false));
  CHECK_THROWS_WITH(s.bench->begin_run(true), Catch::Contains("use two workers"));
  s.bench->end_run(runners->number, RunEnd::counted);
  CHECK_NOTHROW(s.bench->begin_run(true));
}

namespace {

// Stages what it was told to, one entry a turn, and then ends the run.
struct ScriptedTurns final : Turns {
  explicit ScriptedTurns(Staged& owner) : staged(owner) {}
  bool take_turn(Instant) override {
    ++taken;
    if (next == script.size()) {
      staged.bench->end(RunEnd::stopped);
    } else {
      staged.stage(script[next++]);
    }
    return true;
  }
  void give_back_turns() override { ++given_back; }

  Staged& staged;
  std::vector<std::uint32_t> script;
  std::size_t next = 0;
  int taken = 0, given_back = 0;
};

struct Turning : Staged {
  explicit Turning(WorkerOptions options = {.queue = "q"}) : Staged(std::move(options)) {
    bench->start_waking([this] { ++wakes; }, &turns);
  }
  ScriptedTurns turns{*this};
};

}  // namespace

TEST_CASE(
    "a handler thread that waits for its next message takes the I/O thread's turns meanwhile") {
  Turning t;
  t.turns.script = {1, 1, 2, 1};
  int handled = 0;
  CHECK(run_singly(t.bench, [&](const Delivery&) { ++handled; }) == RunEnd::stopped);
  CHECK(handled == 5);
  CHECK(t.turns.taken == 5);       // one for each hand, and that which ended it
  CHECK(t.turns.given_back == 1);  // at the end
  CHECK(t.wakes <= 2);             // for the beginning and the end
}

TEST_CASE("a handler thread gives the turns back when there is much to do, or it takes long") {
  Turning t;
  const bool is_slow = GENERATE(false, true);
  t.turns.script = {is_slow ? 1U : 17U, 1U};
  std::atomic<int> handled = 0;
  std::thread runner([&] {
    run_singly(t.bench, [&](const Delivery&) {
      if (is_slow) Latch().wait(5ms);
      ++handled;
    });
  });
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const auto is_idle = [&] { return t.take_work().demand.threads_idle == 1; };
  const int all = is_slow ? 1 : 17;
  while ((handled < all || !is_idle()) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(handled == all);
  CHECK(t.turns.taken == 1);
  CHECK(t.turns.given_back == 1);
  t.bench->end(RunEnd::stopped);  // it waits as one does that the I/O thread wakes
  runner.join();
  CHECK(t.turns.taken == 1);
}

TEST_CASE("several handler threads leave the turns to the I/O thread") {
  Turning t({.queue = "q", .threads = 2});
  std::thread runner([&] { run_singly(t.bench, [](const Delivery&) {}); });
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (t.take_work().demand.threads_idle < 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(t.take_work().demand.threads_idle == 2);
  t.bench->end(RunEnd::stopped);
  runner.join();
  CHECK(t.turns.taken == 0);
}

TEST_CASE("what ends a run ends the sleep of a handler thread that has the turns") {
  Turning t;
  const auto runners = t.bench->begin_run(false);
  t.take_work();
  REQUIRE(t.bench->may_sleep());
  SECTION("a refusal, in its own turn or another's") {
    t.bench->refuse({Code::gone, "over"});
  }
  SECTION("so many messages were started") {
    t.bench->end_run(runners->number, RunEnd::counted);
  }
  SECTION("stop()") {
    t.bench->end(RunEnd::stopped);
  }
  CHECK(t.wakes == 1);
  CHECK_FALSE(t.bench->may_sleep());
}

TEST_CASE("the last outcome of a run that has ended is told to the I/O thread") {
  Turning t;
  t.turns.script = {1};
  t.take_work();
  run_singly(t.bench, [&](const Delivery&) {
    t.take_work();
    t.bench->end(RunEnd::stopped);
    t.take_work();  // the I/O thread hears of that, and sleeps
    REQUIRE(t.bench->may_sleep());
    t.wakes = 0;
  });
  CHECK(t.wakes == 1);
  CHECK(t.take_work().done.size() == 1);
}

TEST_CASE(
    "a handler thread with the turns hears of the end, whoever has looked at the bench since") {
  struct Refusing final : Turns {
    explicit Refusing(Staged& owner) : staged(owner) {}
    bool take_turn(Instant) override {
      was_told = staged.bench->is_told();
      // The I/O thread's last turn brings it, and the next takes the news off the bench.
      staged.bench->refuse({Code::gone, "over"});
      staged.take_work();
      may_sleep = staged.bench->may_sleep();
      is_told = staged.bench->is_told();
      return true;
    }
    void give_back_turns() override {}
    Staged& staged;
    bool was_told = true, may_sleep = false, is_told = false;
  };
  Staged s;
  Refusing turns(s);
  s.bench->start_waking([] {}, &turns);
  run_singly(s.bench, [](const Delivery&) {});
  CHECK_FALSE(turns.was_told);
  CHECK(turns.may_sleep);
  CHECK(turns.is_told);
}

TEST_CASE("a handler thread that finds no turns any more looks again whether the run is over") {
  struct Leaving final : Turns {
    explicit Leaving(Staged& owner) : staged(owner) {}
    bool take_turn(Instant) override {
      staged.bench->close();  // while nobody waits to be told
      return false;
    }
    void give_back_turns() override {}
    Staged& staged;
  };
  Staged s;
  Leaving turns(s);
  s.bench->start_waking([] {}, &turns);
  CHECK(run_singly(s.bench, [](const Delivery&) {}) == RunEnd::closed);
}
