// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/bench.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/codes.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl {

namespace detail {

void retain(Lease* lease) noexcept {
  lease->references_.fetch_add(1, std::memory_order_relaxed);
}

void release(Lease* lease) noexcept {
  if (lease->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete lease;
}

}  // namespace detail

namespace peer {
namespace {

// A thread that takes the I/O thread's turns does one thing after the other. It is worth it while
// messages come one by one and its handler is soon done: else the two would rather run at once.
constexpr std::uint32_t calm_messages_max = 16;
constexpr std::int64_t calm_us_max = 500;

std::int64_t now_us() {
  return read_clock().time_since_epoch().count();
}

}  // namespace

void Bench::touch_locked() {
  active_at_ = read_clock();
}

void Bench::tell_all_locked() {
  told_ = true;
  handed_.notify_all();
  pulled_in_.notify_all();
}

void Bench::wake_locked() {
  dirty_ = true;
  if (!std::exchange(sleeping_, false)) return;
  wake_();
}

void Bench::start_waking(std::function<void()> wake, Turns* turns) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  turns_ = turns;
}

bool Bench::is_told() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

bool Bench::has_staged() const {
  const std::lock_guard lock(mutex_);
  return !staged_.empty();
}

// Not when there is more to do than one thread would, nor for who would miss its threads' work
// while a handler runs.
bool Bench::may_take_turns() const {
  return turns_ != nullptr && options_.threads == 1 && demand_.threads == 1 &&
         worked_messages_ <= calm_messages_max && worked_us_ <= calm_us_max && !demand_.batching &&
         !demand_.pulling && awaiting_.empty();
}

// Gives the lock up meanwhile. False: not taken.
bool Bench::take_turn(std::unique_lock<std::mutex>& lock, Instant until) {
  Turns& turns = *turns_;
  ++in_turns_;
  has_turns_ = true;
  told_ = false;
  lock.unlock();
  const bool taken = turns.take_turn(until);
  lock.lock();
  if (!taken) has_turns_ = false;
  if (--in_turns_ == 0) turned_.notify_all();
  return taken;
}

// Not for another thread that is within: it comes out by itself, since the bench has changed.
void Bench::give_back_turns(std::unique_lock<std::mutex>& lock) {
  if (in_turns_ != 0 || turns_ == nullptr || !std::exchange(has_turns_, false)) return;
  Turns& turns = *turns_;
  ++in_turns_;
  lock.unlock();
  turns.give_back_turns();
  lock.lock();
  if (--in_turns_ == 0) turned_.notify_all();
}

void Bench::poke() {
  const std::lock_guard lock(mutex_);
  wake_locked();
}

std::shared_ptr<Bench::Runners> Bench::begin_run(bool batches) {
  const std::lock_guard lock(mutex_);
  if (!runners_ || runners_->ended) {
    runners_ = std::make_shared<Runners>();
    runners_->number = ++demand_.runners;
    runners_->batches = batches;
  }
  if (!ended_ && runners_->batches != batches) {
    throw std::logic_error("run() and run_batch() of one worker at once: use two workers");
  }
  return runners_;
}

void Bench::enter() {
  const std::lock_guard lock(mutex_);
  ++demand_.threads;
  demand_.wanted = true;
  touch_locked();
  wake_locked();
}

void Bench::leave(const Runners& runners) {
  std::unique_lock lock(mutex_);
  give_back_turns(lock);
  --demand_.threads;
  if (!runners.ended || demand_.threads > 0 || demand_.pulls > 0 || watched_) return;
  demand_.wanted = demand_.pulling = demand_.batching = false;
  wake_locked();
}

// Waits for a staged hand; false when the run is over.
bool Bench::wait_for_hand(std::unique_lock<std::mutex>& lock, Runners& runners) {
  for (;;) {
    if (over_locked() || runners.ended) return false;
    while (!staged_.empty() && staged_.front()->cursor.unbegun() == 0) staged_.pop_front();
    if (!staged_.empty()) return true;
    if (options_.idle_exit > std::chrono::milliseconds::zero() && demand_.busy == 0 &&
        read_clock() >= active_at_ + options_.idle_exit) {
      runners.ended = RunEnd::idle;
      tell_all_locked();
      return false;
    }
    const bool may_end_idle = options_.idle_exit > std::chrono::milliseconds::zero();
    const Instant idle_at = may_end_idle ? std::max(active_at_ + options_.idle_exit,
                                                    read_clock() + std::chrono::milliseconds(1))
                                         : never;
    if (may_take_turns()) {
      worked_messages_ = 0;
      worked_us_ = 0;
      ++demand_.threads_idle;
      const bool taken = take_turn(lock, idle_at);
      --demand_.threads_idle;
      if (taken) continue;
      turns_ = nullptr;  // there are none any more
      continue;          // the lock was given up
    } else if (has_turns_ && in_turns_ == 0) {
      give_back_turns(lock);
      continue;  // the lock was given up
    }
    ++demand_.threads_idle;
    wake_locked();
    if (may_end_idle) {
      handed_.wait_until(lock, steady(idle_at));
    } else {
      handed_.wait(lock);
    }
    --demand_.threads_idle;
    worked_messages_ = 0;
    worked_us_ = 0;
  }
}

LeaseRef Bench::exchange(Runners& runners, LeaseRef done) {
  const std::int64_t now = now_us();
  std::unique_lock lock(mutex_);
  if (done) {
    done->done_us = now;
    const std::uint32_t begun = std::max(done->cursor.begun(), 1U);
    worked_messages_ += begun;
    worked_us_ += now - done->taken_us.load();
    done_messages_ += begun;
    if (!closed_) done_.push_back(std::move(done));
    --demand_.busy;
    if (options_.idle_exit > std::chrono::milliseconds::zero()) touch_locked();
    // Small hands (retries come one by one) are told of together; the last at hand at once, unless
    // this thread is about to take the I/O thread's turn.
    const bool sees_to_it = staged_.empty() && !over_locked() && !runners.ended && may_take_turns();
    if (!sees_to_it && (staged_.size() <= 1 || done_messages_ >= hand_messages_)) wake_locked();
  }
  if (!wait_for_hand(lock, runners)) return {};
  LeaseRef next = std::move(staged_.front());
  staged_.pop_front();
  next->taken_us.store(now_us(), std::memory_order_relaxed);
  next->singly.store(true, std::memory_order_release);
  next->handled.store(true, std::memory_order_release);
  ++demand_.busy;
  return next;
}

std::vector<LeaseRef> Bench::exchange(Runners& runners, std::vector<LeaseRef> done,
                                      std::uint32_t messages_max) {
  const std::int64_t now = now_us();
  std::unique_lock lock(mutex_);
  for (LeaseRef& lease : done) {
    lease->done_us = now;
    if (!closed_) done_.push_back(std::move(lease));
    --demand_.busy;
  }
  if (!done.empty()) wake_locked();
  if (!done.empty()) touch_locked();
  demand_.batching = true;
  demand_.batch_messages += messages_max;
  const bool more = wait_for_hand(lock, runners);
  demand_.batch_messages -= messages_max;
  std::vector<LeaseRef> hands;
  std::uint32_t messages = 0;
  while (more && !staged_.empty()) {
    const std::uint32_t count = staged_.front()->cursor.unbegun();
    if (!hands.empty() && messages + count > messages_max) break;
    hands.push_back(std::move(staged_.front()));
    staged_.pop_front();
    hands.back()->taken_us.store(now_us(), std::memory_order_relaxed);
    hands.back()->handled.store(true, std::memory_order_release);
    messages += count;
    ++demand_.busy;
  }
  return hands;
}

RunEnd Bench::ended(const Runners& runners) const {
  const std::lock_guard lock(mutex_);
  return runners.ended.value_or(ended_.value_or(RunEnd::closed));
}

void Bench::end_run(std::uint64_t runners, RunEnd reason) {
  const std::lock_guard lock(mutex_);
  if (demand_.runners != runners || runners_->ended) return;
  runners_->ended = reason;
  tell_all_locked();
  wake_locked();  // a handler thread that drives is to come out, or not to sleep
}

void Bench::end(RunEnd reason) {
  std::size_t resumed = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_) ended_ = reason;
    resumed = serve_awaiting_locked();
    tell_all_locked();
    wake_locked();
  }
  post_resumption(resumed);
}

void Bench::refuse(const Fault& fault) {
  std::size_t resumed = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!refusal_) refusal_ = fault;
    resumed = serve_awaiting_locked();
    tell_all_locked();
    wake_locked();
  }
  post_resumption(resumed);
}

void Bench::throw_if_refused() const {
  const std::lock_guard lock(mutex_);
  if (refusal_)
    throw Refused(refusal_->code, std::string(name_of(refusal_->code)) + ": " + refusal_->text);
}

void Bench::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (!ended_) ended_ = RunEnd::closed;
  tell_all_locked();
}

// G2: past the belief another worker may hold what is at hand here.
bool Bench::may_begin() const {
  return now_us() < believed_until_us.load(std::memory_order_relaxed);
}

// A hand holds the bench, so a bench that kept one would keep itself for ever. They are let go
// outside the lock, since the last of them may take the bench with it.
void Bench::retire() {
  std::deque<LeaseRef> staged;
  std::vector<LeaseRef> done;
  LeaseRef pulled;
  std::unique_lock lock(mutex_);
  closed_ = true;
  turned_.wait(lock, [this] { return in_turns_ == 0; });  // woken by the end of the I/O thread
  turns_ = nullptr;
  wake_ = [] {};
  staged.swap(staged_);
  done.swap(done_);
  std::swap(pulled, pulled_);
}

bool Bench::report(WorkerEvent event) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  events_.push_back(std::move(event));
  wake_locked();
  return true;
}

void Bench::report_with_hand(WorkerEvent event) {
  const std::lock_guard lock(mutex_);
  if (!closed_) events_.push_back(std::move(event));
}

void Bench::take_work(Work& work) {
  const std::lock_guard lock(mutex_);
  dirty_ = false;
  done_messages_ = 0;
  std::erase_if(staged_, [](const LeaseRef& lease) { return lease->cursor.unbegun() == 0; });
  work.events.swap(events_);
  work.done.swap(done_);
  work.demand = demand_;
  work.demand.staged = static_cast<std::uint32_t>(staged_.size());
  for (const LeaseRef& lease : staged_) work.demand.staged_messages += lease->cursor.unbegun();
  work.demand.pullable = static_cast<std::uint32_t>(work.demand.staged_messages);
  if (pulled_) work.demand.pullable += pulled_->cursor.unbegun();
}

void Bench::stage(std::vector<LeaseRef> hands, bool quietly, std::uint32_t hand_messages) {
  std::size_t resumed = 0;
  {
    const std::lock_guard lock(mutex_);
    hand_messages_ = hand_messages;
    for (LeaseRef& hand : hands) staged_.push_back(std::move(hand));
    // Those who were refused for the end of the belief go on when it is there again; not before,
    // or they would wake us and we them for ever.
    const bool may = may_begin();
    const bool again = may && std::exchange(withheld_, false);
    if (staged_.empty() && !(again && pulled_)) return;
    if (!hands.empty() && options_.idle_exit > std::chrono::milliseconds::zero()) touch_locked();
    resumed = serve_awaiting_locked();
    if (demand_.pulling && (again || !hands.empty())) ready_.signal();
    if (may && demand_.pulls > 0) pulled_in_.notify_all();
    const std::size_t idle = quietly && demand_.busy > 0 ? 0 : demand_.threads_idle;
    for (std::size_t i = 0; i < std::min(idle, staged_.size()); ++i) handed_.notify_one();
  }
  post_resumption(resumed);
}

bool Bench::may_sleep() {
  const std::lock_guard lock(mutex_);
  // Outcomes may wait for more of them while handlers are fast; that they have become slow is told
  // here, not to exchange().
  sleeping_ = !dirty_ && (done_.empty() || hand_messages_ > 1);
  return sleeping_;
}

bool Bench::has_untold() const {
  const std::lock_guard lock(mutex_);
  return !staged_.empty() || !done_.empty() || !events_.empty();
}

void Bench::awake() {
  const std::lock_guard lock(mutex_);
  sleeping_ = false;
}

}  // namespace peer
}  // namespace pawl
