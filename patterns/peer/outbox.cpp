// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/outbox.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl::peer {

Outbox::Added Outbox::add(Bytes meta, Bytes body, std::uint64_t sequence) {
  const std::size_t bytes = entry_size(meta.size(), body.size());
  std::unique_lock lock(callers_);
  throw_if_over();
  if (body.size() > limits::body_bytes_max || meta.size() > limits::meta_bytes_max) {
    return {refused(Code::too_large, "a body may have 1 MiB, key and headers 64 KiB"), false};
  }
  require_ascending(sequence);
  if (!has_room(bytes)) {
    if (!wait_for_room(lock, bytes)) {
      return {refused(Code::full, "as many messages are unconfirmed as this producer allows"),
              false};
    }
    require_ascending(sequence);  // others may have gone first while the lock was given up
  }
  Added added;
  const bool follows = sequence == 0 || sequence == forming_first_ + forming_.count();
  if (!forming_.has_room(bytes) || (forming_.count() > 0 && !follows)) seal();
  if (forming_.count() == 0) {
    forming_batch_ = detail::StockedBatch(gate_, limits::chunk_messages_max);
    forming_first_ = sequence;
  }
  forming_.make_room(bytes);  // the last that may fail
  added.receipt = Receipt(forming_batch_.take_one(), forming_.count());
  forming_.append(meta, body);
  last_chosen_ = sequence;
  sent_.add(1, bytes);
  if (std::exchange(hungry_, false)) {
    const std::lock_guard handing_over(mutex_);
    added.wake = std::exchange(sleeping_, false);  // one wake-up is enough
  }
  return added;
}

std::uint64_t Outbox::unconfirmed_messages() const {
  return sent_.messages.load(std::memory_order_relaxed) -
         answered_.messages.load(std::memory_order_relaxed);
}

bool Outbox::has_room(std::size_t bytes) const {
  const std::uint64_t messages = unconfirmed_messages();
  if (messages == 0) return true;
  return messages < options_.unconfirmed_messages_max &&
         sent_.bytes.load(std::memory_order_relaxed) -
                 answered_.bytes.load(std::memory_order_relaxed) + bytes <=
             options_.unconfirmed_bytes_max;
}

// Gives the callers' lock up while it waits. False: there was no room in time.
bool Outbox::wait_for_room(std::unique_lock<BiasedMutex>& lock, std::size_t bytes) {
  if (options_.back_pressure == BackPressure::fail) return false;
  const bool forever = options_.back_pressure == BackPressure::block;
  const Instant deadline = deadline_after(read_clock(), options_.back_pressure_deadline);
  const auto ready = [&] { return closed_ || refusal_ || has_room(bytes); };
  for (bool in_time = true; in_time;) {
    lock.unlock();
    {
      std::unique_lock answers(mutex_);
      if (forever) {
        room_.wait(answers, ready);
      } else {
        in_time = room_.wait_until(answers, steady(deadline), ready);
      }
    }
    lock.lock();
    throw_if_over();
    if (has_room(bytes)) return true;  // nobody else has taken it
  }
  return false;
}

void Outbox::throw_if_over() const {
  if (!over_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  if (refusal_) throw Refused(refusal_->code, refusal_->text);
  throw Closed("the producer was closed");
}

void Outbox::require_ascending(std::uint64_t sequence) {
  if (sequence == 0) {
    if (last_chosen_ != 0) throw std::invalid_argument("send() after send_at()");
    numbered_here_ = true;
    return;
  }
  if (numbered_here_) throw std::invalid_argument("send_at() after send()");
  if (sequence <= last_chosen_) throw std::invalid_argument("send_at: sequences must ascend");
}

// With the callers' lock. If memory runs out the chunk stays where it is. The I/O thread is woken
// by the add() that ends without a throw, this one or a later.
void Outbox::seal() {
  const std::lock_guard lock(mutex_);
  if (ready_.size() == ready_.capacity())
    ready_.reserve(std::max<std::size_t>(8, 2 * ready_.size()));
  Outstanding& outstanding = outstanding_.emplace_back();
  Given& given = ready_.emplace_back();
  given.tag = first_tag_ + outstanding_.size() - 1;
  given.count = forming_.count();
  given.first = forming_first_;
  outstanding.count = outstanding.unanswered = forming_.count();
  outstanding.bytes = forming_.bytes();
  outstanding.batch = forming_batch_.take_batch();
  given.chunk = forming_.take();
  hungry_ = true;
}

Receipt Outbox::refused(Code code, std::string text) {
  detail::BatchRef batch(new detail::Batch(gate_));
  Outcome outcome;
  outcome.status = OutcomeStatus::refused;
  outcome.code = code;
  outcome.text = std::move(text);
  outcome.queue = options_.queue;
  {
    const std::lock_guard lock(mutex_);
    ++counts_.sent;
    count({0, 0, 1, outcome});
  }
  batch->answer(0, 1, outcome);
  return Receipt(batch.release(), 0);
}

bool Outbox::wait_answered(Instant deadline) {
  std::uint64_t target = 0;
  {
    const Revoked callers(callers_);
    const std::lock_guard lock(mutex_);
    target = first_tag_ + outstanding_.size() + (forming_.count() > 0 ? 1 : 0);
  }
  std::unique_lock lock(mutex_);
  return answered_all_.wait_until(lock, steady(deadline), [&] { return first_tag_ >= target; });
}

SendResult Outbox::progress() const {
  const std::lock_guard lock(mutex_);
  SendResult result = counts_;
  const std::uint64_t sent = sent_.messages.load(std::memory_order_relaxed);  // once: it moves
  result.sent += sent;
  result.unconfirmed += sent - answered_.messages.load(std::memory_order_relaxed);
  return result;
}

std::vector<Given> Outbox::take(bool all) {
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty() || !all) return std::exchange(ready_, {});
  }
  const Revoked callers(callers_);
  if (forming_.count() > 0) seal();
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

void Outbox::answer(const std::vector<Answer>& answers) {
  if (answers.empty()) return;
  for (const Answer& answer : answers) {
    detail::Batch* batch = nullptr;
    {
      const std::lock_guard lock(mutex_);
      PAWL_CHECK(answer.tag >= first_tag_ && answer.tag - first_tag_ < outstanding_.size());
      batch = outstanding_[answer.tag - first_tag_].batch.get();
    }
    Outcome outcome = answer.outcome;
    outcome.queue = options_.queue;
    batch->answer(answer.first, answer.count, outcome);
  }
  const std::lock_guard lock(mutex_);
  for (const Answer& answer : answers) {
    count(answer);
    Outstanding& outstanding = outstanding_[answer.tag - first_tag_];
    PAWL_CHECK(outstanding.unanswered >= answer.count);
    outstanding.unanswered -= answer.count;
    answered_.add(answer.count, outstanding.unanswered == 0 ? outstanding.bytes : 0);
  }
  while (!outstanding_.empty() && outstanding_.front().unanswered == 0) {
    outstanding_.pop_front();
    ++first_tag_;
  }
  room_.notify_all();
  answered_all_.notify_all();
}

void Outbox::count(const Answer& answer) {
  switch (answer.outcome.status) {
    case OutcomeStatus::confirmed:
      counts_.confirmed += answer.count;
      if (answer.outcome.duplicate) counts_.duplicates += answer.count;
      break;
    case OutcomeStatus::refused:
      counts_.refused += answer.count;
      if (counts_.first_refusal.empty()) {
        counts_.first_refusal =
            std::string(name_of(answer.outcome.code)) + ": " + answer.outcome.text;
      }
      break;
    case OutcomeStatus::unconfirmed: counts_.unconfirmed += answer.count; break;
    case OutcomeStatus::pending: break;
  }
}

bool Outbox::may_sleep(bool takes_all) {
  if (!takes_all) {
    const std::lock_guard lock(mutex_);
    return sleeping_ = ready_.empty();
  }
  const Revoked callers(callers_);
  const std::lock_guard lock(mutex_);
  return sleeping_ = hungry_ = ready_.empty() && forming_.count() == 0;
}

void Outbox::awake() {
  const std::lock_guard lock(mutex_);
  sleeping_ = false;
}

void Outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  over_.store(true, std::memory_order_release);
  room_.notify_all();
}

void Outbox::abandon() {
  Outcome outcome;
  outcome.status = OutcomeStatus::unconfirmed;
  outcome.text = "the producer's I/O thread ended";
  std::deque<Outstanding> unanswered;
  {
    const Revoked callers(callers_);
    if (forming_.count() > 0) seal();
    const std::lock_guard lock(mutex_);
    for (const Outstanding& outstanding : outstanding_) {
      counts_.unconfirmed += outstanding.unanswered;
      answered_.add(outstanding.unanswered, outstanding.unanswered == 0 ? 0 : outstanding.bytes);
    }
    first_tag_ += outstanding_.size();
    unanswered.swap(outstanding_);
    answered_all_.notify_all();
  }
  // Without a lock: an executor may call back here and now, and the callback may ask us.
  for (const Outstanding& outstanding : unanswered) {
    outstanding.batch->answer_rest(outstanding.count, outcome);
  }
}

void Outbox::refuse(Code code, const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (!refusal_) refusal_ = Fault{code, std::string(name_of(code)) + ": " + text};
  over_.store(true, std::memory_order_release);
  room_.notify_all();
}

}  // namespace pawl::peer
