// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/batch.hpp"

#include <pawl/errors.hpp>

#include "core/codes.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl {
namespace detail {

void retain(Batch* batch) noexcept {
  batch->references_.fetch_add(1, std::memory_order_relaxed);
}

void release(Batch* batch) noexcept {
  ThreadReturns& here = ThreadReturns::here;
  if (batch == here.batch) {
    if (++here.returned == ThreadReturns::returned_max) here.give_back(0);
  } else {
    batch->drop_references(1);
  }
}

void Batch::drop_references(std::uint32_t count) noexcept {
  if (references_.fetch_sub(count, std::memory_order_acq_rel) == count) delete this;
}

constinit thread_local ThreadReturns ThreadReturns::here{};

namespace {

// Apart from `here`, whose use would otherwise ask each time whether it was made yet.
// Destructors that run later may still send.
struct FlushAtThreadEnd {
  ~FlushAtThreadEnd() {
    ThreadReturns::here.flush();
    ThreadReturns::here.ended = true;
  }
};

}  // namespace

void ThreadReturns::use_other(Batch* used) {
  if (std::exchange(seen, used) != used || ended) return;
  static thread_local FlushAtThreadEnd at_end;
  (void)at_end;
  flush();
  retain(used);
  batch = used;
}

void ThreadReturns::give_back(std::uint32_t and_own) noexcept {
  batch->drop_references(std::exchange(returned, 0) + and_own);
}

void ThreadReturns::flush() noexcept {
  if (batch != nullptr) give_back(1);
  batch = nullptr;
}

void Batch::answer(std::uint32_t first, std::uint32_t count, const Outcome& outcome) {
  std::vector<Waiting> due;
  {
    const std::lock_guard lock(mutex_);
    rows_.push_back({first, count, outcome});
    std::erase_if(waiting_, [&](Waiting& waiting) {
      if (waiting.index < first || waiting.index >= first + count) return false;
      due.push_back(std::move(waiting));
      return true;
    });
    answered_.notify_all();
  }
  for (Waiting& waiting : due) {
    Outcome own = outcome;
    own.offset += waiting.index - first;
    post(std::move(waiting), std::move(own));
  }
}

void Batch::answer_rest(std::uint32_t count, const Outcome& outcome) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!find(i)) answer(i, 1, outcome);
  }
}

std::optional<Outcome> Batch::find(std::uint32_t index) const {
  const std::lock_guard lock(mutex_);
  return find_locked(index);
}

std::optional<Outcome> Batch::find_locked(std::uint32_t index) const {
  for (const Row& row : rows_) {
    if (index < row.first || index >= row.first + row.count) continue;
    Outcome outcome = row.outcome;
    outcome.offset += index - row.first;
    return outcome;
  }
  return std::nullopt;
}

std::optional<Outcome> Batch::wait(std::uint32_t index, Instant deadline) const {
  std::unique_lock lock(mutex_);
  std::optional<Outcome> outcome;
  const auto found = [&] { return (outcome = find_locked(index)).has_value(); };
  answered_.wait_until(lock, peer::steady(deadline), found);
  return outcome;
}

void Batch::then(std::uint32_t index, Executor& executor,
                 std::function<void(const Outcome&)> callback) {
  Waiting waiting{index, &executor, std::move(callback)};
  std::optional<Outcome> outcome;
  {
    const std::lock_guard lock(mutex_);
    outcome = find_locked(index);
    if (!outcome) return waiting_.push_back(std::move(waiting));
  }
  post(std::move(waiting), std::move(*outcome));
}

void Batch::post(Waiting waiting, Outcome outcome) {
  gate_->post(*waiting.executor,
              [call = std::move(waiting.callback), answer = std::move(outcome)] { call(answer); });
}

}  // namespace detail

std::string Outcome::id() const {
  if (!has_id) return {};
  return queue + "/" + std::to_string(lane) + "/" + std::to_string(offset);
}

Outcome Receipt::wait() const {
  const Instant far = peer::deadline_after(peer::read_clock(), std::chrono::hours(24 * 365));
  std::optional<Outcome> outcome;
  if (batch_ == nullptr) throw Error("an empty receipt has nothing to wait for");
  while (!outcome) outcome = batch_->wait(index_, far);
  if (outcome->status == OutcomeStatus::refused) {
    throw Refused(outcome->code, std::string(name_of(outcome->code)) + ": " + outcome->text);
  }
  if (outcome->status == OutcomeStatus::unconfirmed) throw Unconfirmed(outcome->text);
  return *outcome;
}

Outcome Receipt::wait_for(std::chrono::milliseconds timeout) const {
  if (batch_ == nullptr) return {};
  const Instant deadline = peer::deadline_after(peer::read_clock(), timeout);
  return batch_->wait(index_, deadline).value_or(Outcome{});
}

bool Receipt::ready() const {
  return batch_ != nullptr && batch_->find(index_).has_value();
}

void Receipt::then(Executor& executor, std::function<void(const Outcome&)> callback) const {
  if (batch_ == nullptr) throw Error("an empty receipt has nothing to wait for");
  batch_->then(index_, executor, std::move(callback));
}

}  // namespace pawl
