// SPDX-License-Identifier: Apache-2.0
// How far a hand is worked off, shared by the thread that works and the I/O thread, which may take
// what was not begun away from it and collect what was acked, without a lock: one 64-bit word.
//
//   0 ── acked, collected ── from ── acked ── to ── … ── begun ── may be begun ── limit ── taken
//   away
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/check.hpp"
#include "core/limits.hpp"

namespace pawl::peer {

class HandCursor {
 public:
  using Index = std::uint16_t;
  static_assert(limits::chunk_messages_max < UINT16_MAX);

  explicit HandCursor(std::uint32_t count) : word_(State{static_cast<Index>(count), 0, 0, 0}) {}

  // The worker ----------------------------------------------------------------------------------
  // Begins the next message and gives its index; nothing when there is none left. `acked`: the one
  // begun before was acked.
  std::optional<std::uint32_t> begin_next(bool acked) {
    State state = word_.load(std::memory_order_acquire);
    for (;;) {
      State next = state;
      if (acked) next.to = state.begun;
      const bool more = state.begun < state.limit;
      if (more) ++next.begun;
      if (!word_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) continue;
      if (!more) return std::nullopt;
      return state.begun;
    }
  }
  // The message begun last was acked, and this worker begins no other.
  void note_acked() {
    State state = word_.load(std::memory_order_acquire);
    State next = state;
    do {
      next = state;
      next.to = state.begun;
    } while (!word_.compare_exchange_weak(state, next, std::memory_order_acq_rel));
  }
  // Begins all of a hand of which none is begun, and returns how many that are.
  std::uint32_t begin_all() {
    State state = word_.load(std::memory_order_acquire);
    for (;;) {
      PAWL_CHECK(state.begun == 0);
      State next = state;
      next.begun = state.limit;
      if (word_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) return next.begun;
    }
  }
  // The message begun last has another outcome than ack, or its outcome is reported one by one:
  // what was acked before it and not collected is returned as [first, second), and it is passed
  // over.
  std::pair<std::uint32_t, std::uint32_t> pass() {
    State state = word_.load(std::memory_order_acquire);
    for (;;) {
      State next = state;
      next.from = next.to = state.begun;
      if (!word_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) continue;
      return {state.from, state.to};
    }
  }

  // The I/O thread ------------------------------------------------------------------------------
  // Leaves at most `keep` messages that are not begun. Returns the new end: what is from there on
  // was taken away.
  std::uint32_t limit_to(std::uint32_t keep) {
    State state = word_.load(std::memory_order_acquire);
    for (;;) {
      State next = state;
      const std::uint32_t most = state.begun + keep;
      if (most < state.limit) next.limit = static_cast<Index>(most);
      if (!word_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) continue;
      return next.limit;
    }
  }
  // [first, second) was acked and not collected before.
  std::pair<std::uint32_t, std::uint32_t> collect() {
    State state = word_.load(std::memory_order_acquire);
    for (;;) {
      State next = state;
      next.from = state.to;
      if (!word_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) continue;
      return {state.from, state.to};
    }
  }

  // Either --------------------------------------------------------------------------------------
  std::uint32_t begun() const { return word_.load(std::memory_order_acquire).begun; }
  std::uint32_t limit() const { return word_.load(std::memory_order_acquire).limit; }
  std::uint32_t unbegun() const {
    const State state = word_.load(std::memory_order_acquire);
    return static_cast<std::uint32_t>(state.limit - state.begun);
  }

 private:
  struct alignas(8) State {
    Index limit = 0;
    Index begun = 0;
    Index from = 0;
    Index to = 0;
  };
  static_assert(std::atomic<State>::is_always_lock_free);
  std::atomic<State> word_;
};

}  // namespace pawl::peer
