// SPDX-License-Identifier: Apache-2.0
// HubLoop: everything that is decided around a hub's machine: the order of a turn, when it comes
// next, what peers are told when the store fails or the hub stops. No socket and no clock, but it
// submits to the store: the shell drives it, and so does the simulation.
//
//   drain ─> turn ─> (send) ─> sent ─> time_to_sleep ─> drain ...
//              └─ Failure ─> give_up ─> (send, reopen, recover) ─> start
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/store/store.hpp"
#include "patterns/hub/hub_machine.hpp"
#include "patterns/hub/turn.hpp"

namespace pawl {

class HubLoop {
 public:
  // Messages read in one turn: enough to fill a commit, few enough that beats are answered in time.
  static constexpr int drain_messages_max = 1024;
  // A store that does not open is tried again so often; the disk is full, most likely.
  static constexpr Duration reopen_every = std::chrono::seconds(1);

  explicit HubLoop(std::size_t staged_bytes_max = Turn::staged_bytes_max)
      : staged_bytes_max_(staged_bytes_max) {}

  // What HubMachine::recover() gave back. `store` must outlive the machine.
  void start(std::unique_ptr<HubMachine> machine, Store& store);
  void drop();
  bool is_started() const { return machine_ != nullptr; }
  HubMachine& machine() { return *machine_; }
  const HubMachine& machine() const { return *machine_; }

  // False while the next commit is as full as it should be: the socket is not to be read.
  bool reads() const { return turn_->may_take_more(); }
  bool commit_under_way() const { return turn_->commit_under_way(); }

  // `receive(RoutedMessage&)`: the next message of the socket, or false.
  template <class Receive>
  void drain(Now now, const Receive& receive);
  // `now` is read after the drain. What may go to peers is put into `out`; a Failure: give_up().
  std::optional<Turn::Failure> turn(Now now, std::vector<RoutedMessage>& out);
  // After each turn: what of it could not be sent.
  void sent(const std::vector<RoutedMessage>& unsent);
  // How long only input, a signal or the store ends the sleep, in whole milliseconds, for ever
  // with Duration::max(); nothing: the next turn comes at once.
  std::optional<Duration> time_to_sleep(Now now);
  // Before a sleep: some seconds without a commit, and the store gives its garbage back to the
  // file system. When that is to be looked at again.
  Duration tidy_up(Now now);

  // A failed commit is unknown, never "not stored": the machine is dropped and what the store holds
  // is read anew. `out`: what peers are told; deduplication makes that safe (G5).
  void give_up(const Turn::Failure& failure, std::vector<RoutedMessage>& out);

  // A clean end in two steps, with what is put into `out` sent between them. False: the store has
  // failed, and nothing more is to be sent or written.
  bool say_goodbye(Now now, std::vector<RoutedMessage>& out);
  void write_clean_end(Now now);

 private:
  // A commit has just ended and there is another: the disk is not to wait while more is read.
  bool next_commit_is_due() const {
    return turn_->commit_under_way() && machine_->staged_bytes() > 0 && store_->commit_has_ended();
  }

  std::size_t staged_bytes_max_;
  Store* store_ = nullptr;
  std::unique_ptr<HubMachine> machine_;
  std::unique_ptr<Turn> turn_;
  bool was_deaf_ = false;  // the turn under way began so
  bool socket_was_empty_ = false;
  Instant last_turn_{}, idle_since_{};
};

template <class Receive>
void HubLoop::drain(Now now, const Receive& receive) {
  was_deaf_ = !reads();
  socket_was_empty_ = false;
  for (int i = 0; i < drain_messages_max && reads() && !next_commit_is_due(); ++i) {
    RoutedMessage message;
    if (!receive(message)) {
      socket_was_empty_ = true;
      return;
    }
    machine_->on_message(std::move(message), now);
  }
}

}  // namespace pawl
