// SPDX-License-Identifier: Apache-2.0
// The bench's side for those who take messages one by one: receive, poll, and coroutines.
#include "patterns/peer/bench.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl::peer {
namespace {

// Messages that receive() finds without asking the I/O thread again.
constexpr std::uint32_t pullable_low = 8;

}  // namespace

void Bench::expect_pulls() {
  const std::lock_guard lock(mutex_);
  watched_ = true;
  if (demand_.pulling) return;
  demand_.wanted = demand_.pulling = true;
  wake_locked();
}

std::optional<Delivery> Bench::next_pulled_locked() {
  if (!may_begin()) {
    withheld_ = true;
    return std::nullopt;
  }
  for (;;) {
    if (pulled_) {
      if (const auto index = pulled_->cursor.begin_next(false)) {
        Entry entry;
        const Run& run = reader_->next(entry);
        if (pulled_->cursor.unbegun() < pullable_low) wake_locked();
        Delivery delivery = detail::DeliveryAccess::own(pulled_, run, entry, *index);
        if (reject_if_malformed_locked(delivery, *index)) continue;
        return delivery;
      }
      pulled_ = {};
    }
    if (staged_.empty()) return std::nullopt;
    pulled_ = std::move(staged_.front());
    staged_.pop_front();
    pulled_->taken_us.store(read_clock().time_since_epoch().count(), std::memory_order_relaxed);
    reader_.emplace(pulled_->hand);
  }
}

std::optional<Delivery> Bench::pull(std::chrono::milliseconds timeout) {
  const Instant deadline = deadline_after(read_clock(), timeout);
  std::unique_lock lock(mutex_);
  demand_.wanted = demand_.pulling = true;
  std::optional<Delivery> delivery;
  while (!over_locked() && !(delivery = next_pulled_locked())) {
    ++demand_.pulls;
    wake_locked();
    const auto woken = pulled_in_.wait_until(lock, steady(deadline));
    --demand_.pulls;
    if (woken == std::cv_status::timeout && read_clock() >= deadline) {
      if (!over_locked()) delivery = next_pulled_locked();
      break;
    }
  }
  lock.unlock();
  if (!delivery) throw_if_refused();
  return delivery;
}

std::optional<Delivery> Bench::try_pull() {
  const std::lock_guard lock(mutex_);
  if (!demand_.pulling) wake_locked();
  demand_.wanted = demand_.pulling = true;
  if (over_locked()) return std::nullopt;
  auto delivery = next_pulled_locked();
  if (!delivery) wake_locked();
  return delivery;
}

// A message whose meta is wrong is not for the user: it is rejected with the reason.
bool Bench::reject_if_malformed_locked(Delivery& delivery, std::uint32_t index) {
  const auto problem = detail::DeliveryAccess::check_meta(delivery);
  if (!problem) return false;
  detail::DeliveryAccess::disown(delivery);
  events_.push_back(
      Finished{pulled_->hand.id, index, 1, protocol::Verb::reject, std::nullopt, *problem});
  wake_locked();
  return true;
}

bool Bench::await(NextDelivery* waiting) {
  const std::lock_guard lock(mutex_);
  demand_.wanted = demand_.pulling = true;
  if (over_locked()) return false;
  waiting->delivery_ = next_pulled_locked();
  if (waiting->delivery_) return false;
  awaiting_.push_back(waiting);
  ++demand_.pulls;
  wake_locked();
  return true;
}

void Bench::forget(NextDelivery* gone) {
  const std::lock_guard lock(mutex_);
  demand_.pulls -= static_cast<std::uint32_t>(std::erase(awaiting_, gone));
  std::erase(resumable_, gone);
}

// Gives what is at hand to coroutines that wait; returns how many go on on the executor.
std::size_t Bench::serve_awaiting_locked() {
  const std::size_t before = resumable_.size();
  while (!awaiting_.empty()) {
    NextDelivery* waiting = awaiting_.front();
    if (!over_locked()) {
      waiting->delivery_ = next_pulled_locked();
      if (!waiting->delivery_) break;
    }
    awaiting_.pop_front();
    --demand_.pulls;
    resumable_.push_back(waiting);
  }
  const std::size_t served = resumable_.size() - before;
  if (options_.executor != nullptr) return served;
  if (served > 0) ready_.signal();
  return 0;
}

// Each post lets the one go on that has waited longest: whichever was meant may be gone by then.
void Bench::post_resumption(std::size_t count) {
  for (; count > 0; --count) {
    gate_->post(*options_.executor, [bench = shared_from_this()] { bench->resume_one(); });
  }
}

bool Bench::resume_one() {
  std::coroutine_handle<> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (resumable_.empty()) return false;
    waiting = resumable_.front()->waiting_;
    resumable_.pop_front();
  }
  waiting.resume();
  return true;
}

std::size_t Bench::resumable() const {
  const std::lock_guard lock(mutex_);
  return resumable_.size();
}

bool Bench::is_awaited() const {
  const std::lock_guard lock(mutex_);
  return !awaiting_.empty();
}

void Bench::settle_fd() {
  const std::lock_guard lock(mutex_);
  const bool nothing =
      staged_.empty() && resumable_.empty() && (!pulled_ || pulled_->cursor.unbegun() == 0);
  if (!may_begin()) withheld_ = true;
  if ((nothing || (withheld_ && resumable_.empty())) && !over_locked()) ready_.clear();
}

}  // namespace pawl::peer
