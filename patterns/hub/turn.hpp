// SPDX-License-Identifier: Apache-2.0
// The second half of a hub's turn: commits, and the messages that wait for them. Each turn's events
// are one commit, submitted while earlier ones are under way: the store does not wait for the hub
// between them, and one sync covers what has gathered. Messages go out in the order of commits.
// HubLoop owns one.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "core/store/store.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {

class Turn {
 public:
  // With this staged, one more SEND (2 MiB and a chunk), what is evacuated (1 MiB and a chunk) and
  // the rows of them all still fit into a commit.
  static constexpr std::size_t staged_bytes_max = 3 * 1024 * 1024;
  // With more commits than this under way, another begins every so often: each costs rows of its
  // own, and a sync of 10 ms would gather hundreds.
  static constexpr std::size_t under_way_soon_max = 32;
  static constexpr Duration pause_beyond = std::chrono::milliseconds(1);

  // `staged_max`: less, and small messages show what a full commit does.
  Turn(HubMachine& machine, Store& store, std::size_t staged_max = staged_bytes_max)
      : machine_(machine), store_(store), staged_max_(staged_max) {}

  struct Failure {
    std::string text;
    bool must_end = false;  // reopening could not help
  };
  // Takes in what the store has finished; what may go to peers is appended to `out`. A Failure: the
  // machine must be dropped, and the store reopened or the process ended.
  std::optional<Failure> take_store_events(std::vector<RoutedMessage>& out);

  // Seals and submits, unless what is under way has as many bytes as a commit may stage.
  void finish(Now now, std::vector<RoutedMessage>& out);

  bool commit_under_way() const { return !under_way_.empty(); }
  std::uint64_t commits_submitted() const { return next_tag_ - 1; }
  // False while the next commit is as full as it should be: the socket is not read then.
  bool may_take_more() const { return machine_.staged_bytes() < staged_max_; }
  // When the next turn should come, if it is not to wait for input, time or the store.
  std::optional<Duration> time_to_more(Now now) const;

 private:
  // Submitted, not yet reported; and what waits for it.
  struct UnderWay {
    std::uint64_t tag = 0;
    std::size_t bytes = 0;
    std::size_t seals = 1;  // it, and those after it that had no rows
    std::vector<RoutedMessage> gated;
  };
  // Nothing: not before a commit under way has ended.
  std::optional<Duration> time_to_seal(Now now) const;
  void on_committed(std::uint64_t tag, std::vector<RoutedMessage>& out);

  HubMachine& machine_;
  Store& store_;
  std::size_t staged_max_;
  std::deque<UnderWay> under_way_;
  std::size_t bytes_under_way_ = 0;
  Instant last_submit_{};
  std::uint64_t next_tag_ = 1;
  std::size_t inline_reads_ = 0;
  std::vector<StoreEvent> events_;
};

}  // namespace pawl
