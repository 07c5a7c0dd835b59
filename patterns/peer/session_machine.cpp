// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/session_machine.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/codes.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::peer {
namespace {

using std::chrono::milliseconds;

constexpr Duration backoff_first = milliseconds(50);
constexpr Duration backoff_max = milliseconds(2'000);
// How long one socket may try to connect and be welcomed. Longer with each failure, so that a hub
// that recovers slowly is not left before it has answered.
constexpr Duration greeting_first = milliseconds(2'000);
constexpr Duration greeting_max = milliseconds(10'000);
// Beats on their way to a hub that is stalled; the oldest are no longer needed to judge a lease.
constexpr std::size_t beats_kept_max = 1024;
// A hub that never takes what we say would be asked for ever.
constexpr std::uint32_t rejections_max = 5;

template <class... Cases>
struct overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
overloaded(Cases...) -> overloaded<Cases...>;

}  // namespace

void put(PeerEffects& effects, const protocol::Message& message, std::vector<Slice> frames) {
  effects.sends.push_back({protocol::encode(message), std::move(frames)});
}

bool SessionMachine::greet_due(Instant now) const {
  return state_ == State::waiting && now >= greet_at_;
}

void SessionMachine::greet(Instant now, const Resume& resume, PeerEffects& effects) {
  PAWL_CHECK(state_ == State::waiting);
  if (!same_socket_) effects.recreate_socket = true;
  same_socket_ = false;
  if (told_ != ConnectionState::connecting && told_ != ConnectionState::open) {
    tell({ConnectionState::connecting, Code::ok, {}}, effects);
  }
  protocol::Hello hello;
  hello.versions = {protocol::version};
  hello.peer = options_.peer;
  hello.token = token_;
  hello.slots = options_.slots;
  hello.got = resume.got;
  hello.held = resume.held;
  hello.number = ++hellos_;
  put(effects, hello);
  state_ = State::greeting;
  greeted_at_ = now;
  const Duration patience =
      std::min<Duration>(greeting_first * (1 << std::min(failures_, 4U)), greeting_max);
  give_up_at_ = now + patience;
}

SessionMachine::News SessionMachine::apply(const protocol::Message& message, Instant now,
                                           PeerEffects& effects) {
  if (over() || state_ == State::waiting) return News::none;
  heard_at_ = now;
  return std::visit(
      overloaded{
          [&](const protocol::Welcome& m) { return on_welcome(m, now, effects); },
          [&](const protocol::Beat& m) { return on_beat(m); },
          [&](const protocol::Error& m) { return on_error(m, now, effects); },
          [&](const protocol::GoAway& m) { return on_goaway(m, now, effects); },
          // What was sent to the session's former connection came too late to mean anything.
          [&](const auto&) { return established() ? News::other : News::none; },
      },
      message);
}

SessionMachine::News SessionMachine::on_welcome(const protocol::Welcome& welcome, Instant now,
                                                PeerEffects& effects) {
  if (state_ != State::greeting) return News::none;  // an answer to a HELLO said twice
  if (welcome.version != protocol::version) {
    fail(Code::unsupported, "the hub speaks PAWL/" + std::to_string(welcome.version), false,
         effects);
    return News::ended;
  }
  resumed_ = welcome.resumed && token_.has_value();
  token_ = welcome.token;
  store_id_ = welcome.store_id;
  lease_ = milliseconds(std::max(welcome.lease_ms, 1U));
  beat_ = milliseconds(std::max(welcome.beat_ms, 1U));
  body_bytes_max_ = welcome.body_bytes_max;
  state_ = State::established;
  failures_ = 0;
  beat_number_ = 0;
  echo_ = 0;
  beats_.clear();
  beat_at_ = now + beat_;
  believed_until_ = greeted_at_ + lease_;
  return News::welcomed;
}

SessionMachine::News SessionMachine::on_beat(const protocol::Beat& beat) {
  if (!established()) return News::none;
  echo_ = std::max(echo_, beat.number);
  while (!beats_.empty() && beats_.front().number <= beat.echo) {
    believed_until_ = std::max(believed_until_, beats_.front().at + lease_);
    beats_.pop_front();
    rejections_ = 0;
  }
  return News::none;
}

SessionMachine::News SessionMachine::on_error(const protocol::Error& error, Instant now,
                                              PeerEffects& effects) {
  if (error.code == Code::unknown_session) {
    if (!established()) return News::none;  // about something sent before our HELLO
    tell({ConnectionState::lost, error.code, "the hub does not know us"}, effects);
    state_ = State::waiting;
    same_socket_ = true;
    greet_at_ = now;
    return News::ended;
  }
  if (!is_about_hello(error)) return established() ? News::other : News::none;
  if (is_transient(error.code)) {
    lose(now, std::string(error.text), effects);
  } else {
    fail(error.code, std::string(error.text), false, effects);
  }
  return News::ended;
}

// A hub that could not even read our HELLO does not say what it was about; before WELCOME there is
// nothing else that it could be about. Of codes, only 1xx and 2xx judge a request.
bool SessionMachine::is_about_hello(const protocol::Error& error) const {
  if (error.about == static_cast<std::uint64_t>(protocol::Command::hello)) return true;
  const bool judges = static_cast<int>(error.code) < 300;
  return state_ == State::greeting && error.about == 0 && judges;
}

SessionMachine::News SessionMachine::on_goaway(const protocol::GoAway& goaway, Instant now,
                                               PeerEffects& effects) {
  lose(now, "the hub goes away: " + std::string(goaway.reason), effects);
  greet_at_ = std::max(greet_at_, now + milliseconds(goaway.retry_after_ms));
  return News::ended;
}

void SessionMachine::lose(Instant now, const std::string& why, PeerEffects& effects) {
  if (over()) return;
  if (state_ == State::waiting) {
    same_socket_ = false;
    return;
  }
  if (established()) tell({ConnectionState::lost, Code::ok, why}, effects);
  state_ = State::waiting;
  same_socket_ = false;
  greet_at_ = now + backoff();
}

void SessionMachine::lose_to(const protocol::Error& error, Instant now, PeerEffects& effects) {
  const bool judges = static_cast<int>(error.code) < 300 && !is_transient(error.code);
  if (judges && ++rejections_ >= rejections_max) {
    return fail(error.code, std::string(error.text), false, effects);
  }
  lose(now, std::string(name_of(error.code)) + ": " + std::string(error.text), effects);
}

SessionMachine::News SessionMachine::on_undecodable(const Fault& fault, PeerEffects& effects) {
  if (over() || state_ == State::waiting) return News::none;
  if (state_ == State::greeting && fault.code == Code::unsupported) {
    fail(fault.code, "the hub does not speak PAWL/1: " + fault.text, false, effects);
    return News::ended;
  }
  effects.logs.emplace_back(LogLevel::error, "the hub sent what is not PAWL/1: " + fault.text);
  return News::none;
}

void SessionMachine::fail(Code code, const std::string& text, bool bye, PeerEffects& effects) {
  if (over()) return;
  if (established() && bye) put(effects, protocol::Bye{});
  state_ = State::refused;
  refusal_ = code;
  refusal_text_ = text;
  tell({ConnectionState::refused, code, std::string(name_of(code)) + ": " + text}, effects);
}

void SessionMachine::leave(bool bye, PeerEffects& effects) {
  if (established() && bye) put(effects, protocol::Bye{});
  if (state_ == State::closed) return;
  state_ = State::closed;
  tell({ConnectionState::closed, Code::ok, {}}, effects);
}

void SessionMachine::opened(PeerEffects& effects) {
  if (told_ != ConnectionState::open) tell({ConnectionState::open, Code::ok, {}}, effects);
}

void SessionMachine::tell(ConnectionEvent event, PeerEffects& effects) {
  told_ = event.state;
  effects.events.push_back(std::move(event));
}

SessionMachine::News SessionMachine::tick(Instant now, std::uint64_t received_upto,
                                          std::uint64_t settled_upto, PeerEffects& effects) {
  if (state_ == State::greeting && now >= give_up_at_) {
    lose(now, "no answer", effects);
    return News::none;
  }
  if (!established()) return News::none;
  if (now >= heard_at_ + silence_max()) {
    lose(now, "no sign of life from the hub", effects);
    return News::ended;
  }
  if (now >= beat_at_) beat(now, received_upto, settled_upto, effects);
  return News::none;
}

void SessionMachine::beat(Instant now, std::uint64_t received_upto, std::uint64_t settled_upto,
                          PeerEffects& effects) {
  if (!established()) return;
  put(effects, protocol::Beat{++beat_number_, echo_, received_upto, settled_upto});
  beats_.push_back({beat_number_, now});
  if (beats_.size() > beats_kept_max) beats_.pop_front();
  beat_at_ = now + beat_;
}

Instant SessionMachine::next_deadline() const {
  switch (state_) {
    case State::waiting: return greet_at_;
    case State::greeting: return give_up_at_;
    case State::established: return std::min(beat_at_, heard_at_ + silence_max());
    case State::refused:
    case State::closed: break;
  }
  return never;
}

// The hub beats as often as we do; two beats and a half missed, or half a lease, is silence. Half a
// lease leaves the other half to resume in before the leases run out.
Duration SessionMachine::silence_max() const {
  return std::max(beat_ * 5 / 2, lease_ / 2);
}

Duration SessionMachine::backoff() {
  const std::uint32_t steps = std::min(std::max(failures_, rejections_), 10U);
  const Duration base = std::min<Duration>(backoff_first * (1 << steps), backoff_max);
  ++failures_;
  // ± 20 %, so that a thousand peers of a restarted hub do not come back as one.
  const auto spread = static_cast<std::uint64_t>(base.count()) * 2 / 5;
  return base * 4 / 5 + Duration(static_cast<Duration::rep>(random_.below(spread + 1)));
}

}  // namespace pawl::peer
