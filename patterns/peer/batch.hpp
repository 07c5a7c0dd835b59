// SPDX-License-Identifier: Apache-2.0
// What the receipts of one chunk share: the answers of its messages, as ranges.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <pawl/receipt.hpp>

#include "core/check.hpp"
#include "core/time.hpp"
#include "patterns/peer/callbacks.hpp"

namespace pawl::detail {

class Batch {
 public:
  // With `references` to be given back.
  explicit Batch(std::shared_ptr<peer::CallbackGate> gate, std::uint32_t references = 1)
      : references_(references), gate_(std::move(gate)) {}

  // Messages [first, first + count) have this outcome. The I/O thread.
  void answer(std::uint32_t first, std::uint32_t count, const Outcome& outcome);

  // All of `count` messages that have no outcome have this one.
  void answer_rest(std::uint32_t count, const Outcome& outcome);

  std::optional<Outcome> find(std::uint32_t index) const;
  // Absent: `deadline` passed.
  std::optional<Outcome> wait(std::uint32_t index, Instant deadline) const;
  void then(std::uint32_t index, Executor& executor, std::function<void(const Outcome&)> callback);

 private:
  friend void retain(Batch*) noexcept;
  friend void release(Batch*) noexcept;
  friend class StockedBatch;
  friend struct ThreadReturns;
  void drop_references(std::uint32_t count) noexcept;
  struct Row {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    Outcome outcome;
  };
  struct Waiting {
    std::uint32_t index = 0;
    Executor* executor = nullptr;
    std::function<void(const Outcome&)> callback;
  };
  std::optional<Outcome> find_locked(std::uint32_t index) const;
  void post(Waiting waiting, Outcome outcome);

  std::atomic<std::uint32_t> references_;
  std::shared_ptr<peer::CallbackGate> gate_;
  mutable std::mutex mutex_;
  mutable std::condition_variable answered_;
  std::vector<Row> rows_;
  std::vector<Waiting> waiting_;
};

// A counted reference.
struct BatchRelease {
  void operator()(Batch* batch) const noexcept { release(batch); }
};
using BatchRef = std::unique_ptr<Batch, BatchRelease>;

// Most receipts are dropped by the thread that sent, soon after, many to a batch. So a thread keeps
// a batch that it uses again and again, and references to it that it gives back are counted here,
// without an atomic operation each: that would wait until the message's bytes are in the cache.
struct ThreadReturns {
  Batch* batch = nullptr;       // with a reference
  std::uint32_t returned = 0;   // more of them
  const Batch* seen = nullptr;  // last used; a thread that uses several in turn keeps none
  bool ended = false;           // the thread is in its last destructors

  // A receipt that is copied and dropped in a loop takes references as fast as it gives them back:
  // all of a thread's stay far below what the count can hold.
  static constexpr std::uint32_t returned_max = 1 << 20;

  void use(Batch* used) {
    if (used != batch) use_other(used);
  }
  void use_other(Batch* used);
  void give_back(std::uint32_t and_own) noexcept;
  void flush() noexcept;

  static constinit thread_local ThreadReturns here;
};

// The batch of a chunk that is forming, with a reference for each message that it may come to hold:
// they are taken off a stock under the outbox's lock, which spares an atomic addition a message.
class StockedBatch {
 public:
  StockedBatch() = default;
  StockedBatch(std::shared_ptr<peer::CallbackGate> gate, std::uint32_t stock)
      : batch_(new Batch(std::move(gate), stock + 1)), stock_(stock) {}
  StockedBatch(StockedBatch&& other) noexcept
      : batch_(std::move(other.batch_)), stock_(std::exchange(other.stock_, 0)) {}
  StockedBatch& operator=(StockedBatch&& other) noexcept {
    give_back_stock();
    batch_ = std::move(other.batch_);
    stock_ = std::exchange(other.stock_, 0);
    return *this;
  }
  ~StockedBatch() { give_back_stock(); }

  // The batch, with one reference of the stock.
  Batch* take_one() {
    PAWL_CHECK(stock_ > 0);
    --stock_;  // cannot fail from here on: it is the receipt's
    ThreadReturns::here.use(batch_.get());
    return batch_.get();
  }
  BatchRef take_batch() {
    give_back_stock();
    return std::move(batch_);
  }

 private:
  // One reference is ours: the last is never given back here.
  void give_back_stock() noexcept {
    if (batch_) batch_->references_.fetch_sub(std::exchange(stock_, 0), std::memory_order_release);
  }

  BatchRef batch_;
  std::uint32_t stock_ = 0;
};

}  // namespace pawl::detail
