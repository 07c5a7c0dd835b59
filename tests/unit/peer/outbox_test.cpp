// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/outbox.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <thread>

using namespace pawl;
using namespace pawl::peer;

TEST_CASE("G4 sequences ascend whoever got room first: the others are told, and nothing is lost") {
  const std::string text = "m";
  const Bytes body = std::as_bytes(std::span(text));
  for (int round = 0; round < 50; ++round) {
    const ProducerOptions options{.queue = "q", .name = "p", .unconfirmed_messages_max = 1};
    Outbox outbox(options, std::make_shared<CallbackGate>());
    outbox.add({}, body, 1);
    std::atomic<std::uint64_t> added = 0, thrown = 0;
    std::vector<std::thread> callers;
    for (const std::uint64_t sequence : {13U, 12U, 11U, 10U}) {
      callers.emplace_back([&, sequence] {
        try {
          outbox.add({}, body, sequence);
          ++added;
        } catch (const std::invalid_argument&) {
          ++thrown;
        }
      });
    }
    std::uint64_t last = 0, tag = 1;
    while (added + thrown < 4 || last == 0) {
      for (const Given& given : outbox.take(true)) {
        CHECK(given.first > last);
        last = given.first;
        Outcome confirmed;
        confirmed.status = OutcomeStatus::confirmed;
        outbox.answer({{tag++, 0, given.count, confirmed}});
      }
      std::this_thread::yield();
    }
    for (std::thread& caller : callers) caller.join();
    CHECK(outbox.progress().sent == added + 1);
  }
}

namespace {

struct Inline final : Executor {
  void post(std::function<void()> work) override { work(); }
};

const std::string one_message = "m";
const Bytes one_body = std::as_bytes(std::span(one_message));

}  // namespace

TEST_CASE("a receipt may be copied and dropped without end on the thread that sent") {
  const ProducerOptions options{.queue = "q"};
  Outbox outbox(options, std::make_shared<CallbackGate>());
  Receipt kept = outbox.add({}, one_body, 0).receipt;
  kept = outbox.add({}, one_body, 0).receipt;  // from the second on the thread counts apart
  REQUIRE(detail::ThreadReturns::here.batch != nullptr);
  std::uint32_t most = 0;
  for (std::uint32_t i = 0; i < 3 * detail::ThreadReturns::returned_max; ++i) {
    const Receipt copy = kept;
    most = std::max(most, detail::ThreadReturns::here.returned);
  }
  CHECK(most < detail::ThreadReturns::returned_max);
  CHECK_FALSE(kept.ready());
  REQUIRE(outbox.take(true).size() == 1);
  Outcome confirmed;
  confirmed.status = OutcomeStatus::confirmed;
  outbox.answer({{1, 0, 2, confirmed}});
  CHECK(kept.ready());
}

TEST_CASE("what an outbox leaves unanswered is told without a lock, and counted once") {
  const ProducerOptions options{.queue = "q"};
  Outbox outbox(options, std::make_shared<CallbackGate>());
  Inline executor;
  std::vector<SendResult> seen;
  std::vector<Receipt> receipts;
  for (int i = 0; i < 3; ++i) receipts.push_back(outbox.add({}, one_body, 0).receipt);
  for (const Receipt& receipt : receipts) {
    receipt.then(executor, [&](const Outcome&) { seen.push_back(outbox.progress()); });
  }
  REQUIRE(outbox.take(true).size() == 1);
  Outcome confirmed;
  confirmed.status = OutcomeStatus::confirmed;
  outbox.answer({{1, 0, 2, confirmed}});
  outbox.abandon();
  REQUIRE(seen.size() == 3);
  CHECK(seen.back().sent == 3);
  CHECK(seen.back().confirmed == 2);
  CHECK(seen.back().unconfirmed == 1);
  CHECK(receipts[2].wait_for(std::chrono::milliseconds(0)).status == OutcomeStatus::unconfirmed);
}

TEST_CASE("a full chunk wakes the I/O thread that sleeps for it, and only once") {
  const ProducerOptions options{.queue = "q"};
  Outbox outbox(options, std::make_shared<CallbackGate>());
  REQUIRE(outbox.may_sleep(false));
  int wakes = 0;
  for (int i = 0; i < 40'000; ++i) wakes += outbox.add({}, one_body, 0).wake ? 1 : 0;
  CHECK(wakes == 1);
  CHECK_FALSE(outbox.may_sleep(false));
}
