// SPDX-License-Identifier: Apache-2.0
// Bench: where those who work on messages and the worker's I/O thread meet. The I/O thread stages
// hands, the workers take them and report; whole hands change hands under one short lock. It
// outlives the Worker for as long as a delivery or a running handler needs it.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <pawl/worker.hpp>

#include "core/chunk/chunk.hpp"
#include "core/transport/wake_up.hpp"
#include "patterns/peer/callbacks.hpp"
#include "patterns/peer/hand_cursor.hpp"
#include "patterns/peer/worker_machine.hpp"

namespace pawl::peer {
class Bench;
}

namespace pawl::detail {

// A started hand.
class Lease {
 public:
  Lease(std::shared_ptr<peer::Bench> owner, peer::Hand started)
      : bench(std::move(owner)), hand(std::move(started)), cursor(hand.count) {}

  const std::shared_ptr<peer::Bench> bench;
  const peer::Hand hand;
  peer::HandCursor cursor;
  std::atomic<bool> lost{false};          // the session went without a resume
  std::atomic<std::uint64_t> expired{0};  // of a pulled hand (≤ 64 messages): failed by time-out
  std::atomic<bool> singly{false};        // one message at a time is begun (run), not many
  std::atomic<bool> handled{false};       // by run or run_batch, which report it as done
  std::atomic<std::int64_t> taken_us{0};  // when somebody took it
  std::int64_t done_us = 0;
  std::uint32_t sampled = 0;  // the I/O thread's: begun messages it has told of

 private:
  friend void retain(Lease*) noexcept;
  friend void release(Lease*) noexcept;
  std::atomic<std::uint32_t> references_{1};
};
void retain(Lease* lease) noexcept;
void release(Lease* lease) noexcept;

class LeaseRef {
 public:
  LeaseRef() = default;
  explicit LeaseRef(Lease* adopted) : lease_(adopted) {}
  LeaseRef(const LeaseRef& other) : lease_(other.lease_) {
    if (lease_ != nullptr) retain(lease_);
  }
  LeaseRef(LeaseRef&& other) noexcept : lease_(std::exchange(other.lease_, nullptr)) {}
  LeaseRef& operator=(LeaseRef other) noexcept {
    std::swap(lease_, other.lease_);
    return *this;
  }
  ~LeaseRef() {
    if (lease_ != nullptr) release(lease_);
  }
  Lease* get() const { return lease_; }
  Lease* operator->() const { return lease_; }
  Lease& operator*() const { return *lease_; }
  explicit operator bool() const { return lease_ != nullptr; }

 private:
  Lease* lease_ = nullptr;
};

// Makes deliveries.
struct DeliveryAccess {
  // What all messages of a run of this hand have in common.
  static void point_at_run(Delivery& delivery, Lease& lease, const peer::Run& run);
  // At one message of that run, `index` in its hand. `begun_us`: when its handler begins,
  // monotonic; rather too early than too late.
  static void point(Delivery& delivery, const peer::Run& run, const Entry& entry,
                    std::uint32_t index, std::int64_t begun_us);
  static Delivery own(const LeaseRef& lease, const peer::Run& run, const Entry& entry,
                      std::uint32_t index);
  // Somebody else has seen to its outcome.
  static void disown(Delivery& delivery);
  // The fault of a meta that does not decode; decodes it if there is one.
  static std::optional<std::string> check_meta(Delivery& delivery) {
    if (delivery.meta_.empty()) return std::nullopt;
    return decode_meta_of(delivery);
  }

 private:
  static std::optional<std::string> decode_meta_of(Delivery& delivery);
  static void forget_details(Delivery& delivery);
};

// A few ns a message: with the rest of the hot path in work_hand.
inline void DeliveryAccess::point(Delivery& delivery, const peer::Run& run, const Entry& entry,
                                  std::uint32_t index, std::int64_t begun_us) {
  delivery.body_ = entry.body;
  delivery.meta_ = entry.meta;
  delivery.offset_ = run.offset + (index - run.first);
  delivery.index_ = index;
  delivery.begun_us_ = begun_us;
  if (delivery.details_) forget_details(delivery);
}

}  // namespace pawl::detail

namespace pawl::peer {

using detail::LeaseRef;

// The I/O thread's work, for the one handler thread that waits for a hand: it is done by who is
// awake anyway, and a message that comes wakes one thread, not two (docs/decisions/0005).
class Turns {
 public:
  virtual ~Turns() = default;
  // One turn, and unless it has staged something, a sleep until something happens or `until`.
  // False: there will be none any more. Without a lock of the bench.
  virtual bool take_turn(Instant until) = 0;
  // The I/O thread has it all again.
  virtual void give_back_turns() = 0;
};

class Bench : public std::enable_shared_from_this<Bench> {
 public:
  // Those that are in run() and run_batch() at the same time: what ends one ends all.
  struct Runners {
    std::uint64_t number = 0;
    bool batches = false;
    std::optional<RunEnd> ended;  // by count_max or idle_exit
  };
  // What somebody waits for.
  struct Demand {
    bool wanted = false;        // anybody ever, since a run ended by itself
    std::uint64_t runners = 0;  // the number of the last ones
    std::uint32_t threads = 0;  // in run, and of them without a hand:
    std::uint32_t threads_idle = 0;
    std::uint32_t busy = 0;            // hands that they have
    std::uint64_t batch_messages = 0;  // waited for by run_batch
    bool batching = false;             // run_batch is used
    std::uint32_t pulls = 0;           // receive and next that wait
    bool pulling = false;              // somebody pulls or polls
    std::uint32_t staged = 0;          // hands nobody has taken
    std::uint64_t staged_messages = 0;
    std::uint32_t pullable = 0;  // messages that receive() would find
  };
  struct Work {
    std::vector<WorkerEvent> events;
    std::vector<LeaseRef> done;
    Demand demand;
  };

  Bench(const WorkerOptions& options, std::shared_ptr<CallbackGate> gate)
      : options_(options), gate_(std::move(gate)) {}

  // run and run_batch -----------------------------------------------------------------------
  // std::logic_error if the other of the two is under way: each would starve the other.
  std::shared_ptr<Runners> begin_run(bool batches);
  // A thread of theirs. With the last one of those who ended by themselves nobody wants messages
  // any more, unless somebody pulls.
  void enter();
  void leave(const Runners& runners);
  // Reports `done`, if any, and takes the next hand; nothing when the run has ended.
  LeaseRef exchange(Runners& runners, LeaseRef done);
  // The same with as many hands as make `messages_max` messages, at least one.
  std::vector<LeaseRef> exchange(Runners& runners, std::vector<LeaseRef> done,
                                 std::uint32_t messages_max);
  RunEnd ended(const Runners& runners) const;
  // Ends the run of these, if it is still the last.
  void end_run(std::uint64_t runners, RunEnd reason);
  // Ends every run and every wait, for good; the first reason counts.
  void end(RunEnd reason);

  // Pulling -----------------------------------------------------------------------------------
  std::optional<Delivery> pull(std::chrono::milliseconds timeout);
  std::optional<Delivery> try_pull();
  // False: there is something (or never will be), do not suspend.
  bool await(NextDelivery* waiting);
  // It goes away, suspended or not: nothing is given to it any more, and it is not resumed.
  void forget(NextDelivery* gone);
  // Coroutines that have what they waited for, or never will; without an executor poll() resumes
  // them.
  std::size_t resumable() const;
  bool resume_one();
  bool is_awaited() const;
  // fd() or poll() will be used: keep something at hand.
  void expect_pulls();
  int fd() const { return ready_.fd(); }
  // Clears fd() if nothing is left to do.
  void settle_fd();

  // Outcomes, any thread ------------------------------------------------------------------------
  // False when it no longer matters.
  bool report(WorkerEvent event);
  // Of a hand that exchange() will report soon: the I/O thread hears of both together.
  void report_with_hand(WorkerEvent event);

  // The I/O thread ------------------------------------------------------------------------------
  // Into `work`, whose events and hands were seen to and are no more.
  void take_work(Work& work);
  // `quietly`: a thread that is busy will come for them in no time; wake none that is idle.
  // `hand_messages`: so many finished ones are worth waking us for while more are at hand.
  void stage(std::vector<LeaseRef> hands, bool quietly, std::uint32_t hand_messages);
  // Ends the I/O thread's sleep.
  void poke();
  // `turns` is used until retire().
  void start_waking(std::function<void()> wake, Turns* turns = nullptr);
  bool has_staged() const;
  // Since a handler thread took the turns: something has ended, it is to come out. Asked after
  // may_sleep(), so that who tells later wakes it.
  bool is_told() const;
  void refuse(const Fault& fault);
  // No report matters any more.
  void close();
  // The I/O thread has ended: nothing is kept, and deliveries may outlive us.
  void retire();
  bool may_sleep();
  // Somebody has finished what we were not woken for, or will: something is staged.
  bool has_untold() const;
  void awake();

  const WorkerOptions& options() const { return options_; }
  void throw_if_refused() const;
  std::atomic<std::int64_t> believed_until_us{0};
  std::atomic<std::int64_t> handler_timeout_us{0};
  std::atomic<std::int64_t> first_backoff_us{1'000'000};

 private:
  bool over_locked() const { return ended_ || closed_ || refusal_; }
  void touch_locked();
  void tell_all_locked();
  bool may_begin() const;
  std::optional<Delivery> next_pulled_locked();
  std::size_t serve_awaiting_locked();
  void post_resumption(std::size_t count);
  bool reject_if_malformed_locked(Delivery& delivery, std::uint32_t index);
  bool wait_for_hand(std::unique_lock<std::mutex>& lock, Runners& runners);
  bool may_take_turns() const;
  bool take_turn(std::unique_lock<std::mutex>& lock, Instant until);
  void give_back_turns(std::unique_lock<std::mutex>& lock);
  void wake_locked();

  const WorkerOptions options_;
  std::shared_ptr<CallbackGate> gate_;
  mutable std::mutex mutex_;
  std::condition_variable handed_;     // run and run_batch wait here
  std::condition_variable pulled_in_;  // receive waits here
  std::function<void()> wake_;
  Turns* turns_ = nullptr;
  std::uint32_t in_turns_ = 0;      // threads that are within
  std::condition_variable turned_;  // none is
  bool has_turns_ = false;          // a handler thread has them
  bool told_ = false;               // see is_told(); take_work() leaves it alone
  // What handler threads have worked off since one of them had to wait.
  std::uint32_t worked_messages_ = 0;
  std::int64_t worked_us_ = 0;
  bool sleeping_ = false;  // the I/O thread
  bool dirty_ = false;     // something happened since its last look

  std::deque<LeaseRef> staged_;
  std::vector<WorkerEvent> events_;
  std::vector<LeaseRef> done_;
  std::uint32_t done_messages_ = 0;
  std::uint32_t hand_messages_ = 1;
  Demand demand_;
  std::shared_ptr<Runners> runners_;
  bool watched_ = false;  // fd() was asked for: somebody waits whom we cannot see
  Instant active_at_{};   // something was staged or reported, for idle_exit

  LeaseRef pulled_;  // the hand that receive() takes from, and where
  std::optional<HandReader> reader_;
  bool withheld_ = false;  // nothing was handed out since the belief in the leases has ended
  std::deque<NextDelivery*> awaiting_;
  std::deque<NextDelivery*> resumable_;
  transport::WakeUp ready_;

  std::optional<RunEnd> ended_;
  bool closed_ = false;
  std::optional<Fault> refusal_;
};

}  // namespace pawl::peer
