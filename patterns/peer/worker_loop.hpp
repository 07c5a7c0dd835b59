// SPDX-License-Identifier: Apache-2.0
// The worker's I/O thread: the turn around WorkerMachine. It keeps handlers fed through the bench.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <pawl/worker.hpp>

#include "patterns/peer/bench.hpp"
#include "patterns/peer/link.hpp"
#include "patterns/peer/worker_machine.hpp"

namespace pawl::peer {

class WorkerLoop {
 public:
  explicit WorkerLoop(WorkerOptions options);
  ~WorkerLoop();

  const std::shared_ptr<Bench>& bench() const { return bench_; }
  const Link& link() const { return link_; }

  bool wait_open(std::chrono::milliseconds timeout);
  void ask_to_drain();
  // Everything in hand is settled, the rest given back.
  bool wait_drained(Instant deadline);
  // Ends the session and the thread; `end` bounds the wait for callbacks.
  CloseResult end(Instant deadline);
  WorkerProgress progress() const;

 private:
  void run();
  void turn();
  void take_reports(Instant now, const Bench::Work& work, WorkerEffects& effects);
  void finish_hand(detail::Lease& lease, Instant now, WorkerEffects& effects);
  void take_away(detail::Lease& lease, std::uint32_t keep, Instant now, WorkerEffects& effects);
  void sample(Instant now, WorkerEffects& effects);
  void recall(Instant now, WorkerEffects& effects);
  void mark_lost(Instant now, WorkerEffects& effects);
  void stage(Instant now, const Bench::Demand& demand, WorkerEffects& effects);
  bool start_one(std::uint32_t messages_max, Instant now, std::vector<LeaseRef>& hands);
  void share_out(Instant now, WorkerEffects& effects);
  bool is_busy(Instant now) const;
  void learn_pace(const detail::Lease& lease);
  void leave(Instant now, WorkerEffects& effects);
  void publish(const Bench::Demand& demand);
  Instant next_sample(Instant now) const;

  WorkerOptions options_;
  Link link_;
  std::shared_ptr<Bench> bench_;

  // The I/O thread's own.
  WorkerMachine machine_;
  std::vector<LeaseRef> active_;     // hands that the machine has, oldest first
  std::uint32_t hand_messages_ = 1;  // as many as are worked off in about hand_time
  std::optional<SocketFailed> failed_;
  bool instant_ = false;  // handlers so fast that more threads would only be in the way
  bool wanted_ = false, drained_ = false, left_ = false;
  bool again_ = false;  // something is to be said that this turn could not say

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool draining_ = false, leaving_ = false;
  bool open_ = false, empty_ = false;
  std::optional<Fault> refusal_;
  WorkerProgress progress_;
  CloseResult result_;
  std::thread thread_;
};

}  // namespace pawl::peer
