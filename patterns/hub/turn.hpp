// SPDX-License-Identifier: Apache-2.0
// The second half of a hub's turn: one commit at a time, and the messages that wait for it. While a
// commit is under way the machine goes on taking events in; the next commit then holds them all:
// large batches when busy, none of waiting when quiet. HubLoop owns one.
#pragma once

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

  // Seals and submits unless a commit is under way.
  void finish(Now now, std::vector<RoutedMessage>& out);

  bool commit_under_way() const { return commit_under_way_; }
  // False while the next commit is as full as it should be: the socket is not read then.
  bool may_take_more() const { return machine_.staged_bytes() < staged_max_; }
  // The next turn should come without sleep.
  bool has_more_now() const {
    return store_.ready_fd() < 0 ? inline_reads_ > 0 || machine_.has_work()
                                 : !commit_under_way_ && machine_.has_work();
  }

 private:
  HubMachine& machine_;
  Store& store_;
  std::size_t staged_max_;
  bool commit_under_way_ = false;
  std::uint64_t next_tag_ = 1;
  std::size_t inline_reads_ = 0;
  std::vector<RoutedMessage> waiting_;  // for the commit under way
  std::vector<StoreEvent> events_;
};

}  // namespace pawl
