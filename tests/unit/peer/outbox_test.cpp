// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/outbox.hpp"

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
