// SPDX-License-Identifier: Apache-2.0
// A peer's side of a session: HELLO, WELCOME, BEAT, reconnecting with backoff, resuming. A pure
// machine, a part of the producer's and the worker's.
//
//   waiting ──due: new socket, HELLO──▶ greeting ──WELCOME──▶ established
//      ▲                                   │ ▲                    │
//      │◀──────── no answer ───────────────┘ └─ UNKNOWN_SESSION ──┤
//      └◀──────── silence, GOAWAY, socket failed ─────────────────┘
//   any ──ERROR 1xx about HELLO, too many in a row about other things, a hub of another version,
//         or the owner's fail()──▶ refused                               any ──leave()──▶ closed
//   (before WELCOME, an ERROR that does not say what it is about is about HELLO)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pawl/connection.hpp>

#include "core/protocol/messages.hpp"
#include "core/random.hpp"
#include "core/time.hpp"
#include "core/wire_message.hpp"

namespace pawl::peer {

// What a machine wants done, in this order: the socket, the sends, the words.
struct PeerEffects {
  bool recreate_socket = false;  // close the old one, connect anew
  std::vector<WireMessage> sends;
  std::vector<ConnectionEvent> events;
  std::vector<std::pair<LogLevel, std::string>> logs;
};

// A message from the hub. `frames` follow the header.
struct Received {
  WireMessage message;
};
// The socket would not take a message, or the connection broke: frames may be lost.
struct SocketFailed {
  std::string why;
};
// End the session.
struct Leave {};

void put(PeerEffects& effects, const protocol::Message& message, std::vector<Slice> frames = {});

class SessionMachine {
 public:
  struct Options {
    std::string peer;
    std::uint32_t slots = 0;  // 0: not a worker
  };
  // What is held at a resume.
  struct Resume {
    std::uint64_t got = 0;
    std::vector<protocol::Hello::Held> held;
  };
  enum class State : std::uint8_t { waiting, greeting, established, refused, closed };
  // What a message of the hub meant for the session.
  enum class News : std::uint8_t {
    none,      // nothing, or it was handled here
    welcomed,  // established; `resumed()` says whether the session goes on
    ended,     // not established any more: lost, or refused for good
    other,     // the owner's business
  };

  SessionMachine(Options options, std::uint64_t seed)
      : options_(std::move(options)), random_(seed) {}

  // When true, the owner calls greet(): a HELLO is due, on a new socket or on this one.
  bool greet_due(Instant now) const;
  void greet(Instant now, const Resume& resume, PeerEffects& effects);

  News apply(const protocol::Message& message, Instant now, PeerEffects& effects);
  // Drops the connection and tries again after a backoff.
  void lose(Instant now, const std::string& why, PeerEffects& effects);
  // The hub would not take something that we said: only a new connection makes certain where we
  // stand. Final when one connection after another ends so before it has lasted a beat.
  void lose_to(const protocol::Error& error, Instant now, PeerEffects& effects);
  // What came is no PAWL/1. Final if it is the answer of a hub of another version to our HELLO.
  News on_undecodable(const Fault& fault, PeerEffects& effects);
  // Final: the hub will not have us. `bye` as in leave().
  void fail(Code code, const std::string& text, bool bye, PeerEffects& effects);
  // `bye`: tell the hub that it ends here, so that what is held comes back at once.
  void leave(bool bye, PeerEffects& effects);
  // Says that the owner's queue is open.
  void opened(PeerEffects& effects);

  // Beats, and notices silence. `received_upto`, `settled_upto`: see protocol::Beat.
  News tick(Instant now, std::uint64_t received_upto, std::uint64_t settled_upto,
            PeerEffects& effects);
  // A beat now, though none is due: the hub waits for received_upto.
  void beat(Instant now, std::uint64_t received_upto, std::uint64_t settled_upto,
            PeerEffects& effects);
  Instant next_deadline() const;

  State state() const { return state_; }
  bool established() const { return state_ == State::established; }
  bool over() const { return state_ == State::refused || state_ == State::closed; }
  bool resumed() const { return resumed_; }
  bool has_token() const { return token_.has_value(); }
  const Bytes16& store_id() const { return store_id_; }
  std::uint32_t body_bytes_max() const { return body_bytes_max_; }
  Code refusal() const { return refusal_; }
  const std::string& refusal_text() const { return refusal_text_; }
  // Until then everything that the session holds is ours (G2): send time of the last beat that the
  // hub has echoed, + L.
  Instant believed_until() const { return believed_until_; }

 private:
  struct BeatSent {
    std::uint64_t number = 0;
    Instant at{};
  };
  void tell(ConnectionEvent event, PeerEffects& effects);
  News on_welcome(const protocol::Welcome& welcome, Instant now, PeerEffects& effects);
  News on_beat(const protocol::Beat& beat);
  News on_error(const protocol::Error& error, Instant now, PeerEffects& effects);
  bool is_about_hello(const protocol::Error& error) const;
  News on_goaway(const protocol::GoAway& goaway, Instant now, PeerEffects& effects);
  Duration backoff();
  Duration silence_max() const;

  Options options_;
  Random random_;
  State state_ = State::waiting;
  std::optional<Bytes16> token_;
  Bytes16 store_id_{};
  bool resumed_ = false;
  bool same_socket_ = false;             // the next HELLO goes out on the socket there is
  std::optional<ConnectionState> told_;  // the last one
  Duration lease_{};
  Duration beat_{};
  std::uint32_t body_bytes_max_ = 0;
  std::uint32_t failures_ = 0;  // connections in a row that brought no WELCOME
  // That ended with an ERROR 1xx, in a row, without a beat that was echoed between them.
  std::uint32_t rejections_ = 0;
  Instant greet_at_{};
  Instant greeted_at_{};
  Instant give_up_at_{};
  Instant heard_at_{};
  Instant beat_at_{};
  Instant believed_until_{};
  std::uint64_t hellos_ = 0;
  std::uint64_t beat_number_ = 0;
  std::uint64_t echo_ = 0;
  std::deque<BeatSent> beats_;  // not echoed yet
  Code refusal_ = Code::ok;
  std::string refusal_text_;
};

}  // namespace pawl::peer
