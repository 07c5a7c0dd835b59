// SPDX-License-Identifier: Apache-2.0
// HubWatch: the one place where a FaultyHub's thread and the test's threads meet. The hub leaves
// what it knows at the end of each turn, and stops there when it is to; the others wait for that.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/time.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl::testing {

class HubWatch {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  // A queue's numbers, and the hub time of them.
  using Reached = std::function<bool(const QueueNumbers&, HubTime)>;

  // The hub's thread -------------------------------------------------------------------------
  Duration ahead();
  void on_turn(const HubMachine& machine, Now now);

  // Any other --------------------------------------------------------------------------------
  void add_ahead(Duration by);
  Duration total_ahead() const;
  // Something else was changed under the hub.
  void changed();
  // Until the hub has left what it knows after a turn with the last change in it.
  bool await_taken_in(Deadline deadline) const;
  // And until all that was due by then is woken.
  bool await_due(Deadline deadline) const;

  // Until the hub has left something.
  bool await_turn(Deadline deadline);
  bool wait(const std::string& queue, const Reached& reached, Deadline deadline) const;
  // Nothing while the hub is down.
  std::optional<std::pair<QueueNumbers, HubTime>> look(const std::string& queue) const;
  // The hub is down: what it left is no longer so.
  void forget();

  void suspend();
  bool await_suspended(Deadline deadline);
  void resume();
  bool is_suspended() const;

 private:
  struct Seen {
    std::map<std::string, QueueNumbers> queues;
    HubTime at;
    std::uint64_t changes = 0;      // that its turn knew of
    std::optional<HubTime> due_at;  // the earliest of all queues
  };
  bool has_taken_in() const { return seen_ && seen_->changes == changes_; }
  QueueNumbers numbers_of(const std::string& queue) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable left_;
  // All of it under mutex_.
  std::optional<Seen> seen_;
  std::uint64_t turns_ = 0;
  Duration ahead_{};
  std::uint64_t changes_ = 0;
  std::uint64_t changes_read_ = 0;  // by the turn under way, when it last read the clocks
  bool suspended_ = false;
  bool parked_ = false;  // the hub's thread waits for resume()
};

}  // namespace pawl::testing
