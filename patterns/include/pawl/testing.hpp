// SPDX-License-Identifier: Apache-2.0
// For your own tests: a hub in the test's process whose clock you turn and whose failures you
// choose. Your real producers, workers and handlers talk to it; nothing is mocked but time and
// disk.
//
//   pawl::testing::FaultyHub hub{{.defaults = {.max_attempts = 3}}};
//   pawl::Producer producer{{.endpoint = hub.endpoint(), .queue = "orders"}};
//   pawl::Worker worker{{.endpoint = hub.endpoint(), .queue = "orders"}};
//   std::thread working([&] { worker.run(ship); });  // ship fails
//   producer.send("a book").wait();
//   hub.settle("orders");                            // every retry at once, none waited for
//   hub.dead_letters("orders")[0].history;           // three failures, with time and reason
//
// Two clocks. *Hub time* says when a retry, a delayed nack or a delayed return is due, and stands
// in a history; advance() moves it, for the whole hub and for good. *Real time* rules sessions,
// leases, a queue's handler_timeout, reconnecting, and every time-out that you pass to a call;
// nothing moves it, so that no worker loses a lease in which it rightly believes (G2). To see a
// handler time-out, give the queue a short one.
//
// Target pawl::testing; pkg-config pawl-testing. Never needed in production.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pawl/delivery.hpp>
#include <pawl/hub.hpp>
#include <pawl/message.hpp>
#include <pawl/policy.hpp>

namespace pawl::testing {

struct FaultyHubOptions {
  // As a Hub's. Empty: an ipc:// address of its own, for this process and its children. Peers on
  // inproc:// notice a death only when the lease has run out.
  std::string endpoint{};
  QueuePolicy defaults{};
  std::map<std::string, QueuePolicy> queues{};
  // Shorter than in production: after power_cut() nothing is handed out for lease + margin.
  HubTiming timing{std::chrono::milliseconds(3000), std::chrono::milliseconds(300),
                   std::chrono::milliseconds(100)};
  bool strict = false;     // refuse queues that are not in `queues`
  std::uint64_t seed = 1;  // of jitter, and of what a failed commit left behind; 0: see HubOptions
  // As HubOptions::log, on the hub's thread; must not call this hub.
  Log log{};
  void* context = nullptr;  // a libzmq context to share; null: the process's own
};

// What the hub knows of a queue at the end of a turn. A peer that was told something finds it here.
struct QueueState {
  std::uint64_t ready = 0;    // could be handed out now
  std::uint64_t leased = 0;   // at workers, begun or not
  std::uint64_t delayed = 0;  // wait for a retry or a delay, or for their move to the dead letters
  std::uint64_t dead = 0;     // moved to the dead letters, ever
  std::uint64_t accepted = 0;
  std::uint64_t acked = 0;
  std::uint64_t retried = 0;  // failures and delayed returns that were not the last
  std::uint64_t refused = 0;
  std::uint64_t workers = 0;  // connected now
  std::uint64_t producers = 0;
  // Hub time until the next retry or delay is due: advance() by it, and it is.
  std::optional<std::chrono::milliseconds> next_due_in{};
};

struct DeadLetter {
  std::string body{};
  Headers headers{};
  std::string origin{};  // "queue/lane/offset"
  std::vector<FailureRecord> history{};
};

// The hub and its machine. Its store is in memory, keeps apart what is written from what is synced,
// and outlives kill(), stop() and power_cut(), but not this object; confirms say `synced`.
//
// Threads: any may call any member; a handler may kill its own hub. What cannot be done (a call on
// a hub that is down, time that runs backwards) throws std::logic_error with a sentence, at once.
class FaultyHub {
 public:
  // Starts it; peers can connect. Throws HubError for what a Hub refuses.
  explicit FaultyHub(FaultyHubOptions options = {});
  // kill(), if it is up.
  ~FaultyHub();
  FaultyHub(const FaultyHub&) = delete;
  FaultyHub& operator=(const FaultyHub&) = delete;

  const std::string& endpoint() const;

  // Time -------------------------------------------------------------------------------------
  // Hub time jumps. When this returns, all that came due is ready or handed out. A backoff is at
  // most its max + jitter: 6 minutes by default. At most a century in all.
  void advance(std::chrono::milliseconds by);
  // Lets the workers go on, and time jump to the next retry whenever they have nothing else to do,
  // until nothing of the queue is ready, leased or delayed: all is acked or dead. False if that did
  // not come about within `patience` of real time. Counts what was confirmed before.
  bool settle(const std::string& queue,
              std::chrono::milliseconds patience = std::chrono::seconds(10));

  // Looking on -------------------------------------------------------------------------------
  // All zero for a queue that is not there.
  QueueState queue(const std::string& name) const;
  // Waits until `reached` is true of the queue; asks whenever the hub did something, on this
  // thread. False after `patience`. Waits for a hub that is down to come up.
  bool wait(const std::string& queue, const std::function<bool(const QueueState&)>& reached,
            std::chrono::milliseconds patience = std::chrono::seconds(10)) const;
  // The dead letters of a queue, oldest first, at most 4,096. They stay where they are, but count
  // as redelivered. Throws std::runtime_error if a worker of yours takes them away meanwhile.
  std::vector<DeadLetter> dead_letters(const std::string& queue);

  // Faults -----------------------------------------------------------------------------------
  // kill -9: nobody is told, what was committed stays.
  void kill();
  // The machine loses its power, and comes up again with start(): every commit that was not synced
  // is gone, so workers lose what they hold (G2). What was confirmed was synced (G1).
  void power_cut();
  // A clean end: peers are told.
  void stop();
  // Up again, at the same endpoint, with what the store holds.
  void start();
  bool is_up() const;
  // SIGSTOP and SIGCONT, for the hub's thread: between the two it neither hears nor says anything.
  void suspend();
  void resume();
  // The next commit fails. Nobody knows if it is in the store (the seed does); the hub reads the
  // store anew, and peers come again.
  void fail_next_commit();
  // The disk is at its reserve: new messages wait or are refused with NO_SPACE, as their producer
  // chose, dead ones stay in their queue, and what is there is worked on. False: there is room. The
  // hub knows when this returns, or once it is up and not suspended.
  void fill_disk(bool full);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::testing
