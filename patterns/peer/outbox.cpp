// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/outbox.hpp"

#include <stdexcept>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl::peer {

Outbox::Added Outbox::add(Bytes meta, Bytes body, std::uint64_t sequence) {
  const std::size_t bytes = entry_size(meta.size(), body.size());
  std::unique_lock lock(mutex_);
  throw_if_over();
  if (body.size() > limits::body_bytes_max || meta.size() > limits::meta_bytes_max) {
    return {refused(Code::too_large, "a body may have 1 MiB, key and headers 64 KiB"), false};
  }
  require_ascending(sequence);
  if (!has_room(bytes)) {
    const Window window = wait_for_room(lock, bytes);
    if (!window.open) return {refused(Code::full, window.reason), false};
    require_ascending(sequence);  // others may have gone first while the lock was given up
  }
  const bool follows = sequence == 0 || sequence == forming_first_ + forming_.count();
  if (!forming_.has_room(bytes) || (forming_.count() > 0 && !follows)) seal();
  if (forming_.count() == 0) {
    forming_batch_ = detail::StockedBatch(gate_, limits::chunk_messages_max);
    forming_first_ = sequence;
  }
  const std::uint32_t index = forming_.count();
  forming_.append(meta, body);
  last_chosen_ = sequence;
  ++counts_.sent;
  ++unconfirmed_messages_;
  unconfirmed_bytes_ += bytes;
  Added added{Receipt(forming_batch_.take_one(), index), false};
  added.wake = sleeping_ && (hungry_ || !ready_.empty());
  if (added.wake) sleeping_ = false;  // one wake-up is enough
  return added;
}

bool Outbox::has_room(std::size_t bytes) const {
  if (unconfirmed_messages_ == 0) return true;
  return unconfirmed_messages_ < options_.unconfirmed_messages_max &&
         unconfirmed_bytes_ + bytes <= options_.unconfirmed_bytes_max;
}

Outbox::Window Outbox::wait_for_room(std::unique_lock<std::mutex>& lock, std::size_t bytes) {
  const auto ready = [&] { return closed_ || refusal_ || has_room(bytes); };
  if (options_.back_pressure == BackPressure::block) {
    room_.wait(lock, ready);
  } else if (options_.back_pressure == BackPressure::wait) {
    const Instant deadline = deadline_after(read_clock(), options_.back_pressure_deadline);
    room_.wait_until(lock, steady(deadline), ready);
  }
  throw_if_over();
  if (has_room(bytes)) return {};
  return {false, "as many messages are unconfirmed as this producer allows"};
}

void Outbox::throw_if_over() const {
  if (refusal_) throw Refused(refusal_->code, refusal_->text);
  if (closed_) throw Closed("the producer was closed");
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

void Outbox::seal() {
  Given given;
  given.tag = first_tag_ + outstanding_.size();
  given.count = forming_.count();
  given.first = forming_first_;
  const std::uint64_t bytes = forming_.bytes();
  given.chunk = forming_.take();
  outstanding_.push_back({forming_batch_.take_batch(), given.count, given.count, bytes});
  ready_.push_back(std::move(given));
}

Receipt Outbox::refused(Code code, std::string text) {
  detail::BatchRef batch(new detail::Batch(gate_));
  Outcome outcome;
  outcome.status = OutcomeStatus::refused;
  outcome.code = code;
  outcome.text = std::move(text);
  outcome.queue = options_.queue;
  ++counts_.sent;
  count({0, 0, 1, outcome});
  batch->answer(0, 1, outcome);
  return Receipt(batch.release(), 0);
}

bool Outbox::wait_answered(Instant deadline) {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = first_tag_ + outstanding_.size() + (forming_.count() > 0 ? 1 : 0);
  return answered_.wait_until(lock, steady(deadline), [&] { return first_tag_ >= target; });
}

SendResult Outbox::progress() const {
  const std::lock_guard lock(mutex_);
  SendResult result = counts_;
  result.unconfirmed += unconfirmed_messages_;
  return result;
}

std::vector<Given> Outbox::take(bool all) {
  const std::lock_guard lock(mutex_);
  if (forming_.count() > 0 && all && ready_.empty()) seal();
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
    unconfirmed_messages_ -= answer.count;
    if (outstanding.unanswered == 0) unconfirmed_bytes_ -= outstanding.bytes;
  }
  while (!outstanding_.empty() && outstanding_.front().unanswered == 0) {
    outstanding_.pop_front();
    ++first_tag_;
  }
  room_.notify_all();
  answered_.notify_all();
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
  const std::lock_guard lock(mutex_);
  hungry_ = takes_all;
  sleeping_ = ready_.empty() && !(takes_all && forming_.count() > 0);
  return sleeping_;
}

void Outbox::awake() {
  const std::lock_guard lock(mutex_);
  sleeping_ = false;
}

void Outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  room_.notify_all();
}

void Outbox::abandon() {
  Outcome outcome;
  outcome.status = OutcomeStatus::unconfirmed;
  outcome.text = "the producer's I/O thread ended";
  const std::lock_guard lock(mutex_);
  if (forming_.count() > 0) seal();
  for (Outstanding& outstanding : outstanding_) {
    outstanding.batch->answer_rest(outstanding.count, outcome);
    counts_.unconfirmed += outstanding.unanswered;
    unconfirmed_messages_ -= outstanding.unanswered;
  }
  first_tag_ += outstanding_.size();
  outstanding_.clear();
  answered_.notify_all();
}

void Outbox::refuse(Code code, const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (!refusal_) refusal_ = Fault{code, std::string(name_of(code)) + ": " + text};
  room_.notify_all();
}

}  // namespace pawl::peer
