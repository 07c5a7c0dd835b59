// SPDX-License-Identifier: Apache-2.0
// A worker machine and what a hub may say to it. Each call is one turn and gives what was sent.
#pragma once

#include <catch2/catch.hpp>

#include "patterns/peer/worker_machine.hpp"
#include "tests/unit/peer/script.hpp"

namespace pawl::testing {

struct Working {
  explicit Working(std::uint32_t prefetch = 100, std::uint32_t slots = 50)
      : machine({"q", "tester", prefetch, 1'000'000, slots}, 1) {}

  WorkerMachine machine;
  Instant now{std::chrono::seconds(1000)};
  std::uint64_t number = 0;
  WorkerEffects last;

  Lines carry(WorkerEffects effects) {
    machine.check_invariants();
    last = std::move(effects);
    return lines_of(last.peer);
  }
  Lines apply(WorkerEvent event) {
    WorkerEffects effects;
    machine.apply(std::move(event), now, effects);
    machine.tick(now, effects);
    return carry(std::move(effects));
  }
  Lines turn() {
    WorkerEffects effects;
    machine.tick(now, effects);
    return carry(std::move(effects));
  }
  Lines hub(const protocol::Message& message, std::vector<Slice> frames = {}) {
    return apply(received(message, std::move(frames)));
  }
  protocol::Opened opened(std::uint32_t timeout_ms = 0) {
    protocol::Opened message;
    message.handle = 1;
    message.handler_timeout_ms = timeout_ms;
    return message;
  }
  Lines open(std::uint32_t timeout_ms = 0) {
    turn();
    hub(welcome());
    apply(Want{});
    return hub(opened(timeout_ms));
  }
  Lines deliver(std::uint64_t lease, std::uint64_t offset, std::uint32_t count,
                std::uint32_t attempt = 1) {
    protocol::Deliver message{1, ++number, lease, {{0, offset, count, attempt, 0}}};
    return hub(message, {chunk_of(count)});
  }
  std::uint64_t start(std::uint32_t count) {
    const auto hand = machine.start(count, now);
    REQUIRE(hand);
    CHECK(hand->count == count);
    return hand->id;
  }
  Lines finish(std::uint64_t hand, std::uint32_t first, std::uint32_t count,
               protocol::Verb verb = protocol::Verb::ack, std::string reason = {}) {
    return apply(Finished{hand, first, count, verb, {}, std::move(reason)});
  }
  Lines settled(std::uint64_t upto, std::vector<protocol::Settled::Exception> exceptions = {}) {
    return hub(protocol::Settled{1, upto, std::move(exceptions)});
  }
  Lines reconnect(bool resumed) {
    apply(SocketFailed{"test"});
    now = machine.next_deadline();
    Lines hello = turn();
    hub(welcome(resumed));
    if (!resumed) number = 0;
    return hello;
  }
};

}  // namespace pawl::testing
