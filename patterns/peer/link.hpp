// SPDX-License-Identifier: Apache-2.0
// What producers and workers have in common: the socket, the sleep, and the carrying out of
// PeerEffects.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <pawl/connection.hpp>
#include <pawl/executor.hpp>

#include "core/transport/dealer_socket.hpp"
#include "core/transport/wake_up.hpp"
#include "patterns/peer/callbacks.hpp"
#include "patterns/peer/session_machine.hpp"

namespace pawl::peer {

class Link {
 public:
  struct Options {
    std::string endpoint;
    void* context = nullptr;
    std::function<void(const ConnectionEvent&)> on_connection;
    Executor* executor = nullptr;
    Log log;
  };

  // Makes the first socket, so that an endpoint that can never work is said at once
  // (std::invalid_argument).
  explicit Link(Options options);

  // One thread at a time -----------------------------------------------------------------------
  // The next message, of at most `socket_reads_max` a turn.
  bool receive(WireMessage& message);
  // Has the connection broken?
  bool broken();
  // What went wrong with the sends, if anything did.
  std::optional<SocketFailed> carry_out(PeerEffects& effects);
  // There is input, or may be: see transport::Sleep.
  bool may_have_input() const { return socket_ && transport::may_have_input(socket_->handle()); }
  // A wait in two steps, see transport::Sleep; stays where it is made.
  struct Wait {
    std::array<transport::SleepSource, 4> sources;
    std::optional<transport::Sleep> sleep;
    bool was_woken = false;  // by wake(), which is over now
  };
  // `other_fd` (-1: none) ends it, too.
  void prepare(Wait& wait, int other_fd = -1) const;
  void close(int linger_ms);

  // Whoever has prepared it --------------------------------------------------------------------
  void carry_out(Wait& wait, Instant deadline, Instant now);

  // Any thread ---------------------------------------------------------------------------------
  void wake() const { wake_.signal(); }
  void log(LogLevel level, const std::string& text) const;
  ConnectionState state() const { return state_.load(); }
  CallbackGate& gate() { return *gate_; }
  const std::shared_ptr<CallbackGate>& shared_gate() const { return gate_; }

 private:
  void announce(const ConnectionEvent& event);

  Options options_;
  std::optional<transport::DealerSocket> socket_;
  std::atomic<bool> monitor_ready_{true};  // it may tell of a broken connection
  int unasked_ = 0;                        // turns since it was last looked at
  bool unused_ = true;                     // the first socket has not been asked for yet
  bool is_lost_ = false;                   // a loss was told, and nothing better since
  transport::WakeUp wake_;
  std::shared_ptr<CallbackGate> gate_ = std::make_shared<CallbackGate>();
  std::atomic<ConnectionState> state_{ConnectionState::connecting};
};

// A queue's, producer's or peer's name as the protocol allows it; std::invalid_argument otherwise.
void require_name(const std::string& what, const std::string& name);
// host:pid
std::string default_peer_name();
std::uint64_t random_seed();
// 32 hexadecimal digits that nobody else has.
std::string random_name();

}  // namespace pawl::peer
