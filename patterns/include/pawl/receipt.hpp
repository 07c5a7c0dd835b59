// SPDX-License-Identifier: Apache-2.0
// What became of one sent message.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <pawl/codes.hpp>
#include <pawl/executor.hpp>

namespace pawl {

enum class OutcomeStatus : std::uint8_t {
  pending,      // not answered yet
  confirmed,    // kept, as `durability` says (G1)
  refused,      // not kept; `code` and `text` say why
  unconfirmed,  // the producer was closed before an answer: it may or may not be kept
};

struct Outcome {
  OutcomeStatus status = OutcomeStatus::pending;
  Durability durability = Durability::memory;  // of a confirm
  bool duplicate = false;  // was kept before: a confirm was lost, or a named producer ran again
  bool maybe_duplicate = false;  // was sent to another store before, or what the hub knew of an
                                 // idle named producer was evicted: it may be there twice
  std::uint32_t lane = 0;        // with offset: the message's public id, see id()
  std::uint64_t offset = 0;
  bool has_id = false;  // false for a duplicate
  Code code = Code::ok;
  std::string queue{};
  std::string text{};

  bool confirmed() const { return status == OutcomeStatus::confirmed; }
  // "queue/lane/offset"; empty without one.
  std::string id() const;
};

namespace detail {
class Batch;
void retain(Batch* batch) noexcept;
void release(Batch* batch) noexcept;
}  // namespace detail

// A counted reference to the answer of one message; cheap to copy, cheap to drop (a refusal that
// nobody looked at is reported by flush and close). Any thread may use it, also after the producer
// is gone.
class Receipt {
 public:
  Receipt() = default;
  Receipt(const Receipt& other) noexcept : batch_(other.batch_), index_(other.index_) {
    if (batch_ != nullptr) detail::retain(batch_);
  }
  Receipt(Receipt&& other) noexcept
      : batch_(std::exchange(other.batch_, nullptr)), index_(other.index_) {}
  Receipt& operator=(Receipt other) noexcept {
    std::swap(batch_, other.batch_);
    std::swap(index_, other.index_);
    return *this;
  }
  ~Receipt() {
    if (batch_ != nullptr) detail::release(batch_);
  }

  // Waits for the answer, however long it takes. Throws Refused or Unconfirmed.
  Outcome wait() const;
  // The outcome, or one with status pending when `timeout` passed first. Never throws for an
  // answer.
  Outcome wait_for(std::chrono::milliseconds timeout) const;
  // True once there is an outcome.
  bool ready() const;

  // Runs `callback` on `executor` once there is an outcome; at once (still on the executor) if
  // there is one. None begins after the producer's close() has returned, and one that runs by then
  // has been waited for until its deadline.
  void then(Executor& executor, std::function<void(const Outcome&)> callback) const;

  // co_await receipt.on(executor): the outcome; the coroutine goes on on that executor, and may be
  // destroyed there while it waits.
  class Awaiter;
  Awaiter on(Executor& executor) const;

  // Made by Producer.
  Receipt(detail::Batch* adopted, std::uint32_t index) noexcept : batch_(adopted), index_(index) {}

 private:
  detail::Batch* batch_ = nullptr;
  std::uint32_t index_ = 0;
};

class Receipt::Awaiter {
 public:
  Awaiter(Receipt receipt, Executor& executor)
      : receipt_(std::move(receipt)), executor_(executor) {}
  ~Awaiter() { waiting_->coroutine = nullptr; }
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    waiting_->coroutine = coroutine;
    // Once it is there, another thread may resume and destroy this at any time.
    const Receipt receipt = receipt_;
    receipt.then(executor_, [waiting = waiting_](const Outcome& answer) {
      waiting->outcome = answer;
      if (waiting->coroutine) waiting->coroutine.resume();
    });
  }
  Outcome await_resume() { return std::move(waiting_->outcome); }

 private:
  struct Waiting {  // what the callback may still look for when the coroutine is gone
    std::coroutine_handle<> coroutine{};
    Outcome outcome{};
  };
  Receipt receipt_;
  Executor& executor_;
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

inline Receipt::Awaiter Receipt::on(Executor& executor) const {
  return {*this, executor};
}

}  // namespace pawl
