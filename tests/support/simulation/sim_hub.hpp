// SPDX-License-Identifier: Apache-2.0
// SimHub: the hub's process. The production machine, loop and clock over a FaultyStore whose
// commits and reads take time; it is killed, loses its machine's power, is stopped, and its store
// fails in every way that a disk has.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/hub_clock.hpp"
#include "patterns/hub/hub_loop.hpp"
#include "patterns/testing/faulty_store.hpp"
#include "tests/support/simulation/mutation.hpp"
#include "tests/support/simulation/oracle.hpp"

namespace pawl::testing {

class SimHub {
 public:
  struct Options {
    HubConfig config;
    std::uint64_t seed = 1;
    std::size_t staged_bytes_max = Turn::staged_bytes_max;
    bool is_in_memory = false;
    Mutation mutation = Mutation::none;
    // Of so many turns one is followed by a look at every invariant, and of so many commits one by
    // a reload of the rows. Both cost more than what they look at.
    std::uint64_t check_every = 1, reload_every = 3;
  };
  explicit SimHub(Options options);

  bool is_up() const { return loop_.is_started() || reopen_at_ != never; }
  // False if it cannot, which why_not() tells: its supervisor tries again.
  bool start(Instant now);
  const std::string& why_not() const { return why_not_; }
  void kill();
  void power_cut();
  // Returns what could not be sent: nobody is connected any more.
  using Send = std::function<std::vector<RoutedMessage>(std::vector<RoutedMessage>)>;
  // SIGTERM: peers are told, the store is closed in order.
  void stop(Instant now, const Send& send);

  void fail_next_commit(bool sync_failed) { store_.fail_next_commit(sync_failed); }
  void fail_next_read() { store_.fail_next_read(); }
  void fill_disk_until(Instant until, bool to_the_last_byte);
  // A commit takes a seventh of a lease at most, or up to one and a half leases.
  void slow_disk_until(Instant until, bool stalls) { slow_until_ = until, stalls_ = stalls; }
  void jump_wall_clock(Duration by) { wall_ahead_ += by; }
  void heal();

  void receive(RoutedMessage message);
  // Turns until nothing more is to be done at once.
  enum class End { none, reopened, process };
  End run(Instant now, const Send& send);
  // When it wakes up: at its own deadline, when its commit is done, or at once for what has come
  // in.
  Instant next_deadline() const;

  // What it would write to its log.
  std::vector<HubMachine::Note> take_notes() {
    return loop_.is_started() ? loop_.machine().take_notes() : std::vector<HubMachine::Note>();
  }
  // What a reload of the rows did not give back, or nothing.
  const std::string& fault() const { return fault_; }
  std::uint64_t commits() const { return commits_; }
  std::uint64_t deaf_turns() const { return deaf_turns_; }
  std::size_t chunks_left() const { return store_.written().count(Space::chunks); }
  Oracle::Counters counters(const std::string& queue, Instant now);

 private:
  Store& store() { return mutated_ ? *mutated_ : static_cast<Store&>(store_); }
  Now read_clocks(Instant now);
  End turn(Now now, const Send& send);
  End begin_anew(const Turn::Failure& failure, Now now, const Send& send);
  void send_all(std::vector<RoutedMessage> out, const Send& send);
  void plan_store(Instant now);
  void drop_machine();
  void check_reload(Now now);
  Oracle::Counters counters_told(const std::string& queue, Instant now);

  Options options_;
  HubConfig config_;  // mutated
  Random random_;
  FaultyStore store_;
  std::unique_ptr<Store> mutated_;  // stands before store_
  SeededEntropy entropy_;
  std::uint64_t machine_boots_ = 1;
  HubClock clock_{{}, {}, {}};
  Duration wall_ahead_{};
  HubLoop loop_;
  std::deque<RoutedMessage> inbox_;
  bool commit_is_done_ = false;  // and the machine does not know it yet
  Instant commit_done_at_ = never, read_done_at_ = never;
  bool stalls_ = false;
  Instant slow_until_{}, full_until_ = never;
  Instant reopen_at_ = never;  // the store did not reopen: it is tried again
  Instant wake_at_{};
  std::string sealed_digest_;
  std::vector<Put> sealed_producers_;
  std::uint64_t commits_ = 0, turns_ = 0, deaf_turns_ = 0;
  std::string fault_, why_not_;
};

}  // namespace pawl::testing
