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
#include <vector>

#include <pawl/receipt.hpp>

#include "core/time.hpp"
#include "patterns/peer/callbacks.hpp"

namespace pawl::detail {

class Batch {
 public:
  explicit Batch(std::shared_ptr<peer::CallbackGate> gate) : gate_(std::move(gate)) {}

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

  std::atomic<std::uint32_t> references_{1};
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

}  // namespace pawl::detail
