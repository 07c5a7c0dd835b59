// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/session_machine.hpp"

#include <catch2/catch.hpp>

#include "patterns/peer/clock.hpp"
#include "tests/unit/peer/script.hpp"

using namespace pawl;
using namespace pawl::testing;
using State = SessionMachine::State;
using News = SessionMachine::News;

namespace {

struct Session {
  SessionMachine machine{{"tester", 4}, 1};
  Instant now{std::chrono::seconds(1000)};
  PeerEffects effects;

  Lines turn() {
    effects = {};
    machine.tick(now, 7, 3, effects);
    if (machine.greet_due(now)) machine.greet(now, {}, effects);
    return lines_of(effects);
  }
  News hub(const protocol::Message& message) {
    effects = {};
    return machine.apply(message, now, effects);
  }
  void wait(Duration time) { now += time; }
  void establish() {
    turn();
    REQUIRE(hub(welcome()) == News::welcomed);
  }
};

}  // namespace

TEST_CASE("a deadline of the longest time there is lies far ahead, one of the shortest is now") {
  const Instant now{std::chrono::seconds(1000)};
  CHECK(deadline_after(now, milliseconds::max()) > now + std::chrono::hours(24));
  CHECK(deadline_after(now, milliseconds::min()) == now);
}

TEST_CASE("a session begins with a new socket and a HELLO, and is established by WELCOME") {
  Session s;
  CHECK(s.turn() == Lines{"(new socket)", "HELLO got 0"});
  CHECK(s.turn().empty());
  CHECK(s.hub(welcome()) == News::welcomed);
  CHECK(s.machine.established());
  CHECK_FALSE(s.machine.resumed());
}

TEST_CASE("a hub that does not answer is tried again on a new socket, more and more patiently") {
  Session s;
  s.turn();
  s.wait(milliseconds(2000));
  CHECK(s.turn().empty());
  CHECK(s.machine.state() == State::waiting);
  s.now = s.machine.next_deadline();
  CHECK(s.turn() == Lines{"(new socket)", "HELLO got 0"});
  s.wait(milliseconds(3999));
  s.turn();
  CHECK(s.machine.state() == State::greeting);
  s.wait(milliseconds(1));
  s.turn();
  CHECK(s.machine.state() == State::waiting);
}

TEST_CASE("beats go out in time and carry what was received and settled") {
  Session s;
  s.establish();
  s.wait(milliseconds(1999));
  CHECK(s.turn().empty());
  s.wait(milliseconds(1));
  CHECK(s.turn() == Lines{"BEAT 1 got 7"});
  s.hub(protocol::Beat{1, 1, 0, 0});
  s.wait(milliseconds(2000));
  CHECK(s.turn() == Lines{"BEAT 2 got 7"});
}

TEST_CASE("G2 belief ends a lease after the last echoed beat was sent, not after its echo came") {
  Session s;
  const Instant greeted = s.now;
  s.turn();
  s.wait(milliseconds(500));
  s.hub(welcome());
  CHECK(s.machine.believed_until() == greeted + milliseconds(10'000));
  s.wait(milliseconds(2000));
  s.turn();
  const Instant beaten = s.now;
  s.wait(milliseconds(1500));
  CHECK(s.machine.believed_until() == greeted + milliseconds(10'000));
  s.hub(protocol::Beat{1, 1, 0, 0});
  CHECK(s.machine.believed_until() == beaten + milliseconds(10'000));
}

TEST_CASE("silence for half a lease loses the connection; the session is resumed on a new socket") {
  Session s;
  s.establish();
  s.wait(milliseconds(4999));
  s.turn();
  CHECK(s.machine.established());
  s.wait(milliseconds(1));
  s.turn();
  CHECK(s.machine.state() == State::waiting);
  s.now = s.machine.next_deadline();
  CHECK(s.turn() == Lines{"(new socket)", "HELLO token got 0"});
  s.hub(welcome(true));
  CHECK(s.machine.resumed());
}

TEST_CASE("UNKNOWN_SESSION is answered with HELLO at once, on the same socket, and only once") {
  Session s;
  s.establish();
  CHECK(s.hub(protocol::Error{Code::unknown_session, "who?", 0, 0}) == News::ended);
  CHECK(s.turn() == Lines{"HELLO token got 0"});
  CHECK(s.hub(protocol::Error{Code::unknown_session, "who?", 0, 0}) == News::none);
  CHECK(s.turn().empty());
}

TEST_CASE("a permanent ERROR about HELLO is final, a transient one is tried again") {
  const auto about = static_cast<std::uint64_t>(protocol::Command::hello);
  Session s;
  s.turn();
  SECTION("permanent") {
    CHECK(s.hub(protocol::Error{Code::unsupported, "no", about, 0}) == News::ended);
    CHECK(s.machine.state() == State::refused);
    CHECK(s.machine.next_deadline() == never);
  }
  SECTION("transient") {
    s.hub(protocol::Error{Code::retry, "too many", about, 0});
    s.now = s.machine.next_deadline();
    CHECK(s.turn() == Lines{"(new socket)", "HELLO got 0"});
  }
}

TEST_CASE("a hub that cannot read the HELLO is final before WELCOME, with the hub's words") {
  Session s;
  s.turn();
  const Code code = GENERATE(Code::bad_frame, Code::unsupported);
  CHECK(s.hub(protocol::Error{code, "header: version is 1", 0, 0}) == News::ended);
  CHECK(s.machine.state() == State::refused);
  CHECK(s.machine.refusal() == code);
  CHECK(s.machine.refusal_text() == "header: version is 1");
}

TEST_CASE("the answer of a hub of another version to HELLO is final, later it is not") {
  Session s;
  const Fault fault{Code::unsupported, "header: version is 2, this is 1"};
  SECTION("to HELLO") {
    s.turn();
    s.effects = {};
    CHECK(s.machine.on_undecodable(fault, s.effects) == News::ended);
    CHECK(s.machine.state() == State::refused);
    CHECK(s.machine.refusal_text() ==
          "the hub does not speak PAWL/1: header: version is 2, this is 1");
  }
  SECTION("later") {
    s.establish();
    s.effects = {};
    CHECK(s.machine.on_undecodable(fault, s.effects) == News::none);
    CHECK(s.machine.established());
    CHECK(s.effects.logs.size() == 1);
  }
}

TEST_CASE(
    "a hub that takes nothing of what is said is given up, one that does now and then is not") {
  Session s;
  const auto reject = [&] {
    s.now = std::max(s.now, s.machine.next_deadline());
    s.turn();
    s.hub(welcome());
    s.effects = {};
    s.machine.lose_to({Code::bad_frame, "header: not a map", 0, 0}, s.now, s.effects);
  };
  for (int i = 0; i < 4; ++i) reject();
  CHECK(s.machine.state() == State::waiting);
  SECTION("nothing") {
    reject();
    CHECK(s.machine.state() == State::refused);
    CHECK(s.machine.refusal() == Code::bad_frame);
  }
  SECTION("a beat lasted between them") {
    s.now = s.machine.next_deadline();
    s.turn();
    s.hub(welcome());
    s.now = s.machine.next_deadline();
    s.turn();
    s.hub(protocol::Beat{1, 1, 0, 0});
    for (int i = 0; i < 4; ++i) reject();
    CHECK(s.machine.state() == State::waiting);
  }
  SECTION("transient ones do not count") {
    for (int i = 0; i < 20; ++i) {
      s.now = std::max(s.now, s.machine.next_deadline());
      s.turn();
      s.hub(welcome());
      s.effects = {};
      s.machine.lose_to({Code::retry, "busy", 0, 0}, s.now, s.effects);
    }
    CHECK(s.machine.state() == State::waiting);
  }
}

TEST_CASE("before WELCOME, an ERROR about nothing is tried again if it is transient") {
  Session s;
  s.turn();
  CHECK(s.hub(protocol::Error{Code::draining, "going", 0, 0}) == News::ended);
  s.now = s.machine.next_deadline();
  CHECK(s.turn() == Lines{"(new socket)", "HELLO got 0"});
  CHECK(s.hub(protocol::Error{Code::stale, "?", 0, 0}) == News::none);
  CHECK(s.machine.state() == State::greeting);
}

TEST_CASE("before WELCOME, an ERROR about something said before it means nothing") {
  Session s;
  s.establish();
  s.hub(protocol::Error{Code::unknown_session, "who?", 0, 0});
  s.turn();
  const auto about = static_cast<std::uint64_t>(protocol::Command::settle);
  CHECK(s.hub(protocol::Error{Code::bad_frame, "late", about, 0}) == News::none);
  CHECK(s.machine.state() == State::greeting);
}

TEST_CASE("GOAWAY is obeyed: nothing is tried before its retry_after") {
  Session s;
  s.establish();
  s.hub(protocol::GoAway{"restarting", 1500});
  s.wait(milliseconds(1499));
  CHECK(s.turn().empty());
  s.wait(milliseconds(1));
  CHECK(s.turn() == Lines{"(new socket)", "HELLO token got 0"});
}
