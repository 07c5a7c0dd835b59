// SPDX-License-Identifier: Apache-2.0
// The turn around WorkerMachine, which keeps handlers fed through the bench, and who takes it: the
// I/O thread, or the one handler thread that has nothing else to do.
//
//   I/O thread: turn, sleep ... ──(a handler thread waits)──> parked
//   handler:    turn, sleep ... a message: handler, turn, sleep ...
//                                 └─ takes over 1 ms, or gives up waiting ──> the I/O thread again
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <pawl/worker.hpp>

#include "core/transport/timer.hpp"
#include "core/transport/wake_up.hpp"
#include "patterns/peer/bench.hpp"
#include "patterns/peer/link.hpp"
#include "patterns/peer/worker_machine.hpp"

namespace pawl::peer {

class WorkerLoop : private Turns {
 public:
  explicit WorkerLoop(WorkerOptions options);
  ~WorkerLoop() override;

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
  // After this, what was acked in a hand that is still worked on is collected, and idle threads may
  // have the rest of it.
  static constexpr Duration hand_late = std::chrono::milliseconds(5);

  // worker_driving.cpp
  void run();
  bool may_drive();
  void park();
  bool take_turn(Instant until) override;
  void give_back_turns() override;
  bool is_leaving() const;

  // worker_loop.cpp
  bool turn(Instant now);
  void take_reports(Instant now, WorkerEffects& effects);
  void finish_hand(detail::Lease& lease, Instant now, WorkerEffects& effects);
  void take_away(detail::Lease& lease, std::uint32_t keep, Instant now, WorkerEffects& effects);
  void sample(Instant now, WorkerEffects& effects);
  void recall(Instant now, WorkerEffects& effects);
  void mark_lost(Instant now, WorkerEffects& effects);
  void want(Instant now, const Bench::Demand& demand, WorkerEffects& effects);
  void leave(Instant now, WorkerEffects& effects);
  void publish(const Bench::Demand& demand);
  Instant next_sample(Instant now) const;

  // worker_staging.cpp
  void stage(Instant now, const Bench::Demand& demand, WorkerEffects& effects);
  std::uint64_t count_left() const;
  bool start_one(std::uint64_t messages_max, Instant now, std::vector<LeaseRef>& hands);
  void share_out(Instant now, WorkerEffects& effects);
  bool is_busy(Instant now) const;
  void learn_pace(const detail::Lease& lease);

  WorkerOptions options_;
  Link link_;
  std::shared_ptr<Bench> bench_;

  // Who drives: the I/O thread; or a handler thread whenever it waits for a hand, while the I/O
  // thread is parked. Should its handler take long, the I/O thread drives again.
  static constexpr Duration handler_soon = std::chrono::milliseconds(1);
  std::mutex turn_mutex_;
  bool handler_drives_ = false;
  bool is_handling_ = false;  // the handler thread that drives; until `handler_late_` passes
  transport::Timer handler_late_;
  transport::WakeUp unpark_;
  std::exception_ptr failure_;  // of a handler thread's turn: the I/O thread is to end

  // Of who drives, under turn_mutex_.
  WorkerMachine machine_;
  std::vector<LeaseRef> active_;     // hands that the machine has, oldest first
  Bench::Work work_;                 // of this turn; its vectors go back and forth
  std::uint32_t hand_messages_ = 1;  // as many as are worked off in about hand_time
  std::optional<SocketFailed> failed_;
  bool instant_ = false;             // handlers so fast that more threads would only be in the way
  std::vector<std::uint64_t> late_;  // hands with a time-out that are still in a handler's hands
  std::optional<std::uint64_t> wanted_;  // as the machine was told last
  std::uint64_t runners_ = 0;            // of the last run, and what had been started before it
  std::uint64_t started_before_ = 0;
  bool drained_ = false, left_ = false;
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
