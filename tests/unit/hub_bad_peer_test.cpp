// SPDX-License-Identifier: Apache-2.0
// G8: no bytes of a peer crash a hub, stall it, or grow it without bound. After each attack an
// honest producer and an honest worker must be served as if nothing had been.
#include <catch2/catch.hpp>

#include "core/limits.hpp"
#include "tests/support/hub_tester.hpp"

using namespace pawl;
using namespace pawl::testing;

namespace {

void serves_honest_peers(HubTester& hub) {
  auto& p = hub.producer("honest");
  p.send("a,b");
  hub.turn();
  CHECK(p.confirmed() == "1-2");
  auto& w = hub.worker("honest");
  CHECK(w.delivered() == "a,b");
  w.ack("a,b");
  hub.turn();
  CHECK(w.exceptions().empty());
}

std::vector<std::byte> noise(Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
  return bytes;
}

std::uint64_t odd_number(Random& random) {
  constexpr std::uint64_t numbers[] = {
      0, 1, 2, 3, 64, 1000, (1ULL << 32) - 1, 1ULL << 40, (1ULL << 62), (1ULL << 63) - 1};
  return numbers[random.below(std::size(numbers))];
}

std::uint32_t odd_handle(Random& random) {
  return static_cast<std::uint32_t>(random.below(4)) + (random.below(20) == 0 ? 1'000'000U : 0U);
}

// A well-formed message with wild contents.
protocol::Message wild(Random& random) {
  using namespace protocol;
  switch (random.below(9)) {
    case 0: return Credit{odd_handle(random), odd_number(random), odd_number(random)};
    case 1:
      return Settle{odd_handle(random),
                    odd_number(random),
                    {{static_cast<Verb>(1 + random.below(5)), odd_number(random), 0,
                      odd_number(random), odd_number(random), odd_number(random) >> 22, "why"}}};
    case 2: return Beat{odd_number(random), odd_number(random), odd_number(random), 5};
    case 3: {
      Open open;
      open.handle = odd_handle(random);
      open.name = random.below(2) == 0 ? "honest" : "other";
      open.role = static_cast<Role>(1 + random.below(4));
      open.source = random.below(2) == 0 ? "me" : "you";
      open.epoch = random.below(2) == 0 ? 0 : odd_number(random);
      return open;
    }
    case 4: {
      Hello hello;
      hello.versions = {random.below(5) == 0 ? 9U : 1U};
      hello.slots = static_cast<std::uint32_t>(odd_number(random));
      hello.got = odd_number(random);
      hello.held = {{1, odd_number(random), {0, odd_number(random), odd_number(random)}}};
      return hello;
    }
    case 5: return Query{odd_number(random), random.below(2) == 0 ? "stat" : "state", "x"};
    case 6: return Bye{};
    case 7: return Welcome{};
    default: {
      Send send;
      send.parts = {{odd_handle(random), odd_number(random), 1, odd_number(random),
                     static_cast<std::uint32_t>(random.below(5)), 0, 0, 0}};
      return send;
    }
  }
}

class Stranger final : public TestPeer {
 public:
  explicit Stranger(HubTester& hub) : TestPeer(hub, "stranger", 5) {}
  ~Stranger() override { lose_connection(); }

 private:
  void on_welcome() override {}
  void on_message(const protocol::Message&, const std::vector<Slice>&) override {}
};

}  // namespace

TEST_CASE("G8 noise in place of a header is answered with an error") {
  Random random(1);
  HubTester hub;
  Stranger stranger(hub);
  stranger.connect();
  hub.turn();
  for (int i = 0; i < 3000; ++i) {
    std::vector<Slice> frames;
    for (std::uint64_t n = random.below(3); n > 0; --n) {
      frames.emplace_back(Buffer::copy_of(noise(random, random.below(50))));
    }
    stranger.say_raw(noise(random, random.below(80)), frames);
    if (i % 100 == 0) hub.turn();
  }
  hub.turn();
  CHECK(stranger.errors_told.size() == 3000);
  serves_honest_peers(hub);
}

TEST_CASE("G8 well-formed messages with wild contents do no harm") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    HubTester hub;
    Stranger stranger(hub);
    stranger.connect();
    hub.turn();
    for (int i = 0; i < 300; ++i) {
      const protocol::Message message = wild(random);
      std::vector<Slice> frames(protocol::frames_expected(message) +
                                (random.below(20) == 0 ? 1 : 0));
      for (Slice& frame : frames) {
        frame =
            random.below(2) == 0 ? chunk_of({"x", "y"}) : Slice(Buffer::copy_of(noise(random, 9)));
      }
      stranger.say(message, frames);
      if (random.below(8) == 0) hub.turn();
      if (random.below(40) == 0) hub.advance(3s);
      if (random.below(60) == 0) stranger.lose_connection(), stranger.connect();
    }
    hub.turn();
    hub.restart();
    stranger.connect();
    hub.turn();
    serves_honest_peers(hub);
  }
}

TEST_CASE("G8 damaged bytes of honest messages do no harm") {
  Random random(3);
  HubTester hub;
  Stranger stranger(hub);
  stranger.connect();
  hub.turn();
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::byte> header = protocol::encode(wild(random));
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
      header[random.below(header.size())] = static_cast<std::byte>(random.below(256));
    }
    stranger.say_raw(header, {chunk_of({"x"})});
    if (i % 50 == 0) hub.turn();
  }
  hub.turn();
  serves_honest_peers(hub);
}

TEST_CASE("G8 a chunk with another count than its header is refused") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send_part({1, p.epoch, 1, 1, 3, 0, 0, 0}, chunk_of({"a", "b"}));
  p.send_part({1, p.epoch, 1, 4, 1, 0, 0, 0}, chunk_of({"a", "b"}));
  hub.turn();
  CHECK(p.confirmed().empty());
  CHECK(p.refused() == "1:BAD_FRAME,2:BAD_FRAME,3:BAD_FRAME,4:BAD_FRAME");
  CHECK(hub.stat("orders", "refused") == 4);
  CHECK(hub.stat("orders", "accepted") == 0);
}

TEST_CASE("G8 what is sent beyond credit is refused, and counted") {
  HubTester hub(QueuePolicy{.max_messages = 2, .overflow = Overflow::hold_back});
  auto& p = hub.producer("orders");
  p.send("a,b");
  p.send("c");
  hub.turn();
  CHECK(p.confirmed() == "1-2");
  CHECK(p.refused() == "3:RETRY");
  CHECK(hub.stat("orders", "refused") == 1);
}

TEST_CASE(
    "G8 a settle of an absurd range settles what is held in it, and is answered in one line a "
    "gap") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b,c");
  hub.turn();
  const std::uint64_t lease = w.held("a").lease;
  w.settle_row({protocol::Verb::ack, lease, 0, 0, (1ULL << 63) - 1, {}, ""});
  hub.turn();
  CHECK(hub.stat("orders", "acked") == 3);
  CHECK(split(w.exceptions()).size() == 1);
}

TEST_CASE("G8 a thousand settles of everything cannot make the answer longer than the question") {
  HubTester::Options options;
  options.reload_after_commit = false;
  HubTester hub(options);
  auto& p = hub.producer("orders");
  auto& honest = hub.worker("orders", {.credit = 5000});
  p.send_all(std::vector<std::string>(4000, "m"));
  hub.turn();
  protocol::Settle every_second{1, 1, {}};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    every_second.rows.push_back({protocol::Verb::ack, honest.hands[0].lease, 0, 2 * i, 1, {}, ""});
  }
  honest.say(every_second);
  hub.turn();
  auto& bad = hub.worker("orders", {.credit = 0});
  const protocol::Settle::Row row{
      protocol::Verb::ack, honest.hands[0].lease, 0, 0, 1ULL << 60, {}, ""};
  bad.say(protocol::Settle{1, 1, std::vector<protocol::Settle::Row>(1000, row)});
  hub.turn();
  CHECK(split(bad.exceptions()).size() == 1000);
  auto extend = row;
  extend.verb = protocol::Verb::extend;
  honest.say(protocol::Settle{1, 2, std::vector<protocol::Settle::Row>(1000, extend)});
  hub.turn();
  CHECK(honest.exceptions().empty());
}

TEST_CASE("G8 handles that were never opened are answered with an error") {
  HubTester hub;
  auto& p = hub.producer("orders");
  p.send_part({7, p.epoch, 1, 1, 1, 0, 0, 0}, chunk_of({"a"}));
  p.say(protocol::Credit{1, 5, 5});
  p.say(protocol::Settle{9, 1, {{protocol::Verb::ack, 1, 0, 0, 1, {}, ""}}});
  hub.turn();
  CHECK(p.errors() == "BAD_FRAME,BAD_FRAME,BAD_FRAME");
}

TEST_CASE("G8 lanes, delayed sends and atomic sends are refused as a whole, and nothing is kept") {
  HubTester hub;
  auto& p = hub.producer("orders");
  protocol::Send send;
  send.parts = {{1, p.epoch, 1, 1, 1, 0, 0, 0}};
  send.parts[0].lane = 1;
  p.say(send, {chunk_of({"a"})});
  send.parts[0].lane = 0;
  send.parts[0].deliver_at_us = 5;
  p.say(send, {chunk_of({"a"})});
  send.parts[0].deliver_at_us = 0;
  send.atomic = true;
  p.say(send, {chunk_of({"a"})});
  hub.turn();
  CHECK(p.errors() == "UNSUPPORTED,UNSUPPORTED,UNSUPPORTED");
  CHECK(hub.stat("orders", "accepted") == 0);
}

TEST_CASE("G8 a flood of HELLOs on one connection leaves one session") {
  HubTester hub;
  Stranger stranger(hub);
  for (int i = 0; i < 2000; ++i) {
    if (i % 500 == 0) stranger.connect();
    stranger.say(protocol::Hello{{1}, "flood", {}, 0, 0, 0, {}});
  }
  hub.turn();
  CHECK(hub.machine().session_count() <= 5);
  serves_honest_peers(hub);
}

TEST_CASE("G8 a flood of connections ends at sessions_max, with a reason, and passes") {
  HubTester hub;
  Stranger stranger(hub);
  for (std::size_t i = 0; i < limits::sessions_max + 10; ++i) {
    hub.to_hub({"flood-" + std::to_string(i),
                {protocol::encode(protocol::Hello{{1}, "f", {}, 0, 0, 0, {}}), {}}});
  }
  hub.one_turn_unchecked();
  CHECK(hub.machine().session_count() == limits::sessions_max);
  stranger.connect();
  hub.one_turn_unchecked();
  hub.one_turn_unchecked();
  CHECK(stranger.errors() == "RETRY");
  hub.advance_unchecked(11s);
  CHECK(hub.machine().session_count() == 0);
  serves_honest_peers(hub);
}

TEST_CASE("G8 what peers are to be told is bounded while the disk is slow") {
  HubTester hub;
  for (int i = 0; i < 200; ++i) hub.producer("queue" + std::to_string(i)).bye();
  hub.turn();
  auto& p = hub.producer("orders");
  hub.store().hold_commits(true);
  p.send("a");
  hub.turn();
  Stranger stranger(hub);
  stranger.connect();
  for (std::uint64_t i = 0; i < 2000; ++i) stranger.say(protocol::Query{i, "stat", ""});
  hub.turn();
  CHECK(hub.machine().staged_bytes() < 8 * 1024 * 1024);
  CHECK(hub.inbox_size() > 0);  // it is not read, and ZeroMQ holds the peer back
  hub.store().hold_commits(false);
  hub.store().complete_all();
  hub.turn();
  CHECK(hub.inbox_size() == 0);
  CHECK(stranger.frames_received == 2001);
  serves_honest_peers(hub);
}

TEST_CASE("G8 a resume that lies about what was received or is held gains nothing") {
  HubTester hub;
  auto& p = hub.producer("orders");
  auto& w = hub.worker("orders");
  p.send("a,b");
  hub.turn();
  protocol::Hello lie{{1}, "liar", w.welcome->token, 0, 5, (1ULL << 63) - 1, {}};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    lie.held.push_back({1, w.held("a").lease, {0, 0, (1ULL << 62) + i}});
  }
  w.say(lie);
  hub.turn();
  CHECK(hub.stat("orders", "leased") == 2);
  hub.advance(5s);
  serves_honest_peers(hub);
}
