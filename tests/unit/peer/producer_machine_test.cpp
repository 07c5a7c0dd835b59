// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/producer_machine.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/peer/script.hpp"

using namespace pawl;
using namespace pawl::testing;
using protocol::Confirm;
using protocol::Refuse;

namespace {

struct Producing {
  explicit Producing(std::optional<Duration> patience = {}, bool named = false)
      : machine({.queue = "q", .source = "me", .anonymous = !named, .full_patience = patience}, 1) {
  }

  ProducerMachine machine;
  Instant now{std::chrono::seconds(1000)};
  std::uint64_t tags = 0;
  Lines answers;

  Lines carry(const ProducerEffects& effects) {
    for (const Answer& answer : effects.answers) {
      std::string line = std::to_string(answer.tag) + "[" + std::to_string(answer.first) + "+" +
                         std::to_string(answer.count) + "] ";
      const Outcome& o = answer.outcome;
      line += o.confirmed() ? (o.duplicate ? "again" : "kept " + std::to_string(o.offset))
              : o.status == OutcomeStatus::refused ? "refused " + std::string(name_of(o.code))
                                                   : "unconfirmed";
      if (o.maybe_duplicate) line += " maybe";
      answers.push_back(line);
    }
    machine.check_invariants();
    return lines_of(effects.peer);
  }
  Lines apply(ProducerEvent event) {
    ProducerEffects effects;
    machine.apply(std::move(event), now, effects);
    machine.tick(now, effects);
    return carry(effects);
  }
  Lines turn() {
    ProducerEffects effects;
    machine.tick(now, effects);
    return carry(effects);
  }
  Lines hub(const protocol::Message& message) { return apply(received(message)); }
  Lines give(std::uint32_t count, std::uint64_t first = 0) {
    return apply(Given{++tags, chunk_of(count), count, first});
  }
  Lines credit(std::uint64_t messages) {
    return hub(protocol::Credit{1, messages, messages * 1000});
  }
  protocol::Opened opened(std::uint64_t epoch = 1) {
    protocol::Opened message;
    message.handle = 1;
    message.epoch = epoch;
    return message;
  }
  void open(std::uint64_t credit_messages = 1000) {
    turn();
    hub(welcome());
    hub(opened());
    credit(credit_messages);
  }
  Lines confirm(std::uint64_t seq, std::uint64_t length, std::uint64_t offset) {
    return hub(Confirm{1, Durability::synced, {{seq, length, 0, offset, false}}});
  }
  Lines refuse(std::uint64_t seq, std::uint64_t length, Code code, std::uint32_t after = 100) {
    return hub(Refuse{1, {{seq, length, code, "no", after}}});
  }
  void reconnect(bool resumed, unsigned char store = 1) {
    apply(SocketFailed{"test"});
    now = machine.next_deadline();
    turn();
    hub(welcome(resumed, store));
  }
};

}  // namespace

TEST_CASE("a producer opens its queue, and sends what it was given when it has credit") {
  Producing p;
  CHECK(p.turn() == Lines{"(new socket)", "HELLO got 0"});
  CHECK(p.hub(welcome()) == Lines{"OPEN q epoch 0"});
  CHECK(p.give(3).empty());
  CHECK(p.hub(p.opened()).empty());
  CHECK(p.credit(10) == Lines{"SEND 1+3 floor 1"});
  p.confirm(1, 3, 40);
  CHECK(p.answers == Lines{"1[0+3] kept 40"});
  CHECK(p.machine.quiet());
}

TEST_CASE("several chunks are under way at once, and confirms may come in pieces") {
  Producing p;
  p.open();
  CHECK(p.give(3) == Lines{"SEND 1+3 floor 1"});
  CHECK(p.give(2) == Lines{"SEND 4+2 floor 1"});
  p.confirm(2, 3, 11);
  CHECK(p.answers == Lines{"1[1+2] kept 11", "2[0+1] kept 13"});
  CHECK(p.give(1) == Lines{"SEND 6+1 floor 1"});
  p.confirm(1, 1, 10);
  CHECK(p.give(1) == Lines{"SEND 7+1 floor 5"});
}

TEST_CASE("a producer takes chunks that are not full while few are under way") {
  Producing p;
  p.open();
  for (int given = 0; given < 4; ++given) {
    CHECK(p.machine.takes_crumbs());
    p.give(1);
  }
  CHECK_FALSE(p.machine.takes_crumbs());
  p.confirm(1, 1, 0);
  CHECK(p.machine.takes_crumbs());
  CHECK_FALSE(p.machine.quiet());
}

TEST_CASE("G6 a chunk larger than the credit goes out in parts as credit comes") {
  Producing p;
  p.open(4);
  CHECK(p.give(10) == Lines{"SEND 1+4 floor 1"});
  p.confirm(1, 4, 0);
  CHECK(p.credit(7) == Lines{"SEND 5+3 floor 5"});
  CHECK(p.credit(20) == Lines{"SEND 8+3 floor 5"});
}

TEST_CASE("G5 after a lost connection only what the hub does not know is sent again") {
  Producing p;
  p.open();
  p.give(4);
  p.give(4);
  p.confirm(1, 2, 0);
  p.answers.clear();
  p.reconnect(true);
  auto opened = p.opened();
  opened.floor = 3;
  opened.known = {{5, 2}};
  CHECK(p.hub(opened).empty());
  CHECK(p.answers == Lines{"2[0+2] again"});
  CHECK(p.credit(100) == Lines{"SEND 3+2 floor 3 7+2 floor 3"});
}

TEST_CASE("what is due again and waits for credit does not keep the producer awake") {
  Producing p;
  p.open(2);
  p.give(2);
  p.refuse(1, 2, Code::no_space);
  p.now = p.now + milliseconds(150);
  CHECK(p.turn().empty());
  CHECK(p.machine.next_deadline() > p.now);
  CHECK(p.credit(4) == Lines{"SEND 1+2 floor 1"});
}

TEST_CASE("G5 the epoch is kept across reconnects, so that the hub knows the producer") {
  Producing p;
  p.open();
  p.apply(SocketFailed{"test"});
  p.now = p.machine.next_deadline();
  p.turn();
  CHECK(p.hub(welcome(false)) == Lines{"OPEN q epoch 1"});
}

TEST_CASE("another store is a new beginning, and what was sent to the old one says so") {
  Producing p;
  p.open();
  p.give(2);
  p.reconnect(false, 2);
  p.give(1);
  auto opened = p.opened(7);
  opened.floor = 100;
  p.hub(opened);
  CHECK(p.credit(10) == Lines{"SEND 100+2 floor 100 maybe 102+1 floor 100"});
  p.confirm(100, 3, 0);
  CHECK(p.answers == Lines{"1[0+2] kept 0 maybe", "2[0+1] kept 2"});
}

TEST_CASE("G4 what was transiently refused is sent again first, and nothing overtakes it") {
  Producing p;
  p.open();
  p.give(2);
  p.give(2);
  CHECK(p.refuse(1, 2, Code::full, 500).empty());
  CHECK(p.refuse(3, 2, Code::retry).empty());
  CHECK(p.give(2).empty());
  p.now += milliseconds(499);
  CHECK(p.turn().empty());
  CHECK(p.machine.next_deadline() <= p.now + milliseconds(1));
  p.now += milliseconds(1);
  CHECK(p.turn() == Lines{"SEND 1+2 floor 1 3+2 floor 1 5+2 floor 1"});
  CHECK(p.answers.empty());
}

TEST_CASE(
    "a producer that chose to fail resolves FULL as refused, and what waited behind goes on") {
  Producing p(Duration::zero());
  p.open();
  p.give(2);
  p.give(2);
  p.refuse(1, 2, Code::full);
  CHECK(p.answers == Lines{"1[0+2] refused FULL"});
  p.refuse(3, 2, Code::retry, 0);
  CHECK(p.answers.size() == 1);
  CHECK(p.give(1) == Lines{"SEND 5+1 floor 3"});
}

TEST_CASE("a producer with a deadline retries FULL until then") {
  Producing p(milliseconds(1000));
  p.open();
  p.give(1);
  p.refuse(1, 1, Code::no_space, 600);
  p.now += milliseconds(600);
  CHECK(p.turn() == Lines{"SEND 1+1 floor 1"});
  p.now += milliseconds(400);
  p.refuse(1, 1, Code::no_space, 600);
  CHECK(p.answers == Lines{"1[0+1] refused NO_SPACE"});
}

TEST_CASE("a permanent refusal is the answer of its messages alone, and raises the floor") {
  Producing p;
  p.open();
  p.give(3);
  p.refuse(1, 1, Code::too_large);
  CHECK(p.answers == Lines{"1[0+1] refused TOO_LARGE"});
  CHECK(p.give(1) == Lines{"SEND 4+1 floor 2"});
}

TEST_CASE(
    "G1 a chosen sequence that was refused is not below the floor: the next life can send it") {
  Producing p({}, true);
  p.open();
  p.give(3, 1);
  p.refuse(2, 1, Code::too_large);
  p.confirm(1, 1, 0);
  p.confirm(3, 1, 1);
  CHECK(p.give(1, 4) == Lines{"SEND 4+1 floor 2"});
  p.confirm(4, 1, 2);

  Producing next({}, true);
  next.turn();
  next.hub(welcome());
  auto opened = next.opened(2);
  opened.floor = 2;
  opened.known = {{3, 2}};
  next.hub(opened);
  next.credit(100);
  CHECK(next.give(1, 5) == Lines{"SEND 5+1 floor 2"});  // without it, the hole stays
  next.confirm(5, 1, 3);
  Producing mended({}, true);
  mended.turn();
  mended.hub(welcome());
  opened.known = {{3, 3}};
  mended.hub(opened);
  mended.credit(100);
  CHECK(mended.give(1, 2) == Lines{"SEND 2+1 floor 2"});
  mended.confirm(2, 1, 4);
  CHECK(mended.give(1, 6) == Lines{"SEND 6+1 floor 6"});
}

TEST_CASE("G1 a chosen sequence that was skipped is not below the floor") {
  Producing p({}, true);
  p.open();
  p.give(4, 1);
  p.confirm(1, 4, 0);
  CHECK(p.give(1, 6) == Lines{"SEND 6+1 floor 5"});
}

TEST_CASE("G4 a chosen sequence that was given up at a full queue lets the floor pass") {
  Producing p(Duration::zero(), true);
  p.open();
  p.give(1, 1);
  p.confirm(1, 1, 0);
  p.give(2, 3);  // 2 is skipped
  p.refuse(3, 2, Code::full);
  CHECK(p.answers.back() == "2[0+2] refused FULL");
  CHECK(p.give(1, 5) == Lines{"SEND 5+1 floor 5"});
}

TEST_CASE("a body over the queue's own limit is refused without harm to its neighbours") {
  Producing p;
  p.turn();
  p.hub(welcome());
  auto opened = p.opened();
  opened.body_bytes_max = 10;
  p.hub(opened);
  p.credit(100);
  const Lines sent = p.apply(Given{1, chunk_of({"small", "much too large", "small"}), 3, 0});
  CHECK(sent == Lines{"SEND 1+1 floor 1 3+1 floor 1"});
  CHECK(p.answers == Lines{"1[1+1] refused TOO_LARGE"});
}

TEST_CASE("a fenced producer ends: unsent is refused, sent is unconfirmed") {
  Producing p({}, true);
  p.open(2);
  p.give(2);
  p.give(2);
  p.refuse(1, 2, Code::fenced);
  CHECK(p.answers == Lines{"1[0+2] unconfirmed", "2[0+2] refused FENCED"});
  CHECK(p.machine.session().over());
  p.give(1);
  CHECK(p.answers.back() == "3[0+1] refused FENCED");
}

TEST_CASE("G5 a named producer goes on after what its last life has left") {
  Producing p({}, true);
  p.turn();
  p.hub(welcome());
  auto opened = p.opened(4);
  opened.floor = 11;
  opened.known = {{13, 5}};
  p.hub(opened);
  p.credit(10);
  CHECK(p.give(1) == Lines{"SEND 18+1 floor 18"});
}

TEST_CASE("G5 sequences chosen by the caller that are known are confirmed, the rest is sent") {
  Producing p({}, true);
  p.turn();
  p.hub(welcome());
  p.give(4, 10);
  auto opened = p.opened(4);
  opened.floor = 11;
  opened.known = {{12, 1}};
  p.hub(opened);
  CHECK(p.answers == Lines{"1[0+1] again", "1[2+1] again"});
  CHECK(p.credit(10) == Lines{"SEND 11+1 floor 11 13+1 floor 11"});
}

TEST_CASE("a permanent ERROR about OPEN is final, a transient one is tried again") {
  const auto about = static_cast<std::uint64_t>(protocol::Command::open);
  Producing p;
  p.turn();
  p.hub(welcome());
  SECTION("permanent") {
    p.give(1);
    p.hub(protocol::Error{Code::no_durability, "memory only", about, 1});
    CHECK(p.answers == Lines{"1[0+1] refused NO_DURABILITY"});
  }
  SECTION("transient") {
    CHECK(p.hub(protocol::Error{Code::draining, "later", about, 1}).empty());
    p.now += milliseconds(500);
    CHECK(p.turn() == Lines{"OPEN q epoch 0"});
  }
}

TEST_CASE("leaving says BYE, and what has no answer is unconfirmed") {
  Producing p;
  p.open();
  p.give(2);
  CHECK(p.apply(Leave{}) == Lines{"BYE"});
  CHECK(p.answers == Lines{"1[0+2] unconfirmed"});
}
