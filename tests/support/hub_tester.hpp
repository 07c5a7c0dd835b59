// SPDX-License-Identifier: Apache-2.0
// HubTester: a hub's machine, its turn, a FaultyStore and a network without sockets on a virtual
// clock. Tests read as transcripts:
//
//   HubTester hub;
//   auto& p = hub.producer("orders");     p.send("a,b,c");  hub.turn();
//   CHECK(p.confirmed() == "1-3");
//   auto& w = hub.worker("orders");       hub.turn();
//   CHECK(w.delivered() == "a,b,c");      w.nack("b", "no stock");  hub.advance(1s);
//
// After every turn the machine's invariants are checked; after every commit a second machine is
// recovered from a copy of the rows, and must be the same (design: rows are all that a restart
// has).
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/store/memory_store.hpp"
#include "patterns/hub/hub_machine.hpp"
#include "patterns/hub/turn.hpp"
#include "patterns/testing/faulty_store.hpp"
#include "tests/support/hub_peers.hpp"

namespace pawl::testing {

using namespace std::chrono_literals;

// A copy of all rows, in a store of its own.
std::unique_ptr<MemoryStore> copy_of(const MemoryRows& rows);
// What does not fit between a live machine and one recovered from `rows`, or nothing. `digest` is
// the live machine's, right after it sealed the commit that `rows` end with.
std::string difference_after_reload(const HubConfig& config, const MemoryRows& rows, Now now,
                                    const std::string& digest,
                                    const std::vector<Put>& producer_rows);

class HubTester {
 public:
  struct Options {
    HubConfig hub;
    FaultyStoreOptions store;
    bool reload_after_commit = true;
  };
  HubTester() : HubTester(Options{}) {}
  explicit HubTester(QueuePolicy defaults) : HubTester(with_defaults(std::move(defaults))) {}
  explicit HubTester(Options options);
  HubTester(const HubTester&) = delete;
  HubTester& operator=(const HubTester&) = delete;

  // Connected and opened, unless the hub is down or a commit is held.
  TestProducer& producer(std::string queue, TestProducer::Options options = {});
  TestWorker& worker(std::string queue, TestWorker::Options options = {});

  // Turns until nothing moves any more, at this instant.
  void turn();
  // One turn of the shell's loop; true if anything moved.
  bool one_turn(bool socket_was_empty = true);
  // Time goes on in steps in which peers beat and turns are made.
  void advance(Duration by);
  // The same with the hub stopped (SIGSTOP): peers beat into its socket's buffer.
  void stall(Duration by);
  // The next reading of the socket takes so long.
  void next_drain_takes(Duration by) { drain_takes_ = by; }
  // Without looking at every invariant after every event: for floods.
  void one_turn_unchecked() { checks_ = false, one_turn(), checks_ = true; }
  void advance_unchecked(Duration by) { checks_ = false, advance(by), checks_ = true; }
  Now now() const { return now_; }

  // The process dies; everything written survives, what is held of a commit is lost.
  void kill();
  // The machine loses its power: unsynced writes are gone, and it boots with another id.
  void power_cut(FaultyStore::Survivors survivors = FaultyStore::Survivors::none);
  // SIGTERM: tells peers, marks a clean end.
  void stop();
  // From what the store holds.
  void start();
  void restart() { kill(), start(); }
  bool is_up() const { return machine_ != nullptr; }

  HubMachine& machine() { return *machine_; }
  FaultyStore& store() { return store_; }
  const HubConfig& config() const { return options_.hub; }
  // Numbers of a queue as QUERY "stat" tells them.
  std::uint64_t stat(std::string_view queue, std::string_view number);
  std::size_t commits() const { return commits_; }
  // What the store could not do when the hub last ended by itself.
  const std::string& last_failure() const { return last_failure_; }

  // For peers.
  std::string new_connection(TestPeer& peer);
  std::string fresh_name(const TestPeer* peer);
  void to_hub(RoutedMessage message) { inbox_.push_back(std::move(message)); }
  void cut(const std::string& connection);
  std::size_t inbox_size() const { return inbox_.size(); }

 private:
  static Options with_defaults(QueuePolicy defaults);
  bool take_store_events(std::vector<RoutedMessage>& out);
  void seal_and_watch(std::vector<RoutedMessage>& out);
  void check_reload();
  void drop_machine();
  void pass_time(Duration by);

  Options options_;
  FaultyStore store_;
  SeededEntropy entropy_;
  Now now_;
  std::string last_failure_;
  std::uint64_t machine_boots_ = 1;
  std::unique_ptr<HubMachine> machine_;
  std::unique_ptr<Turn> turn_;
  std::deque<RoutedMessage> inbox_;
  std::map<std::string, TestPeer*> connections_;
  std::vector<std::unique_ptr<TestPeer>> peers_;
  std::uint64_t next_connection_ = 1;
  std::map<const TestPeer*, std::string> names_;
  // Of the commit under way, as sealed.
  std::string sealed_digest_;
  std::vector<Put> sealed_producers_;
  std::size_t commits_ = 0;
  bool checks_ = true;
  Duration drain_takes_{};
};

}  // namespace pawl::testing
