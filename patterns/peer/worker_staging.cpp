// SPDX-License-Identifier: Apache-2.0
// How much the I/O thread puts on the bench ahead of need: hands as large as they are worked off in
// no time, shared out when somebody is slow.
#include <algorithm>

#include "patterns/peer/worker_loop.hpp"

namespace pawl::peer {
namespace {

using detail::Lease;

// A hand is worked off in about this time: long enough to hide the hand-over, short enough that
// outcomes are not kept waiting.
constexpr std::int64_t hand_time_us = 300;
constexpr std::uint32_t pulled_messages = 16;
constexpr std::uint32_t pullable_target = 8;

}  // namespace

void WorkerLoop::learn_pace(const Lease& lease) {
  const std::uint32_t begun = lease.cursor.begun();
  if (begun == 0 || !lease.singly.load()) return;
  const std::int64_t spent = std::max<std::int64_t>(lease.done_us - lease.taken_us.load(), 1);
  const std::int64_t fits = hand_time_us * begun / spent;
  instant_ = fits >= options_.slots;
  const std::uint32_t sharers = instant_ ? 1 : options_.threads;
  const std::uint32_t most = std::max(options_.slots / (2 * sharers), 1U);
  const std::uint32_t grown = std::min(hand_messages_ * 4, most);
  hand_messages_ =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(fits, 1, std::int64_t{grown}));
}

// How many more the run may start.
std::uint64_t WorkerLoop::count_left() const {
  if (options_.count_max == 0) return UINT64_MAX;
  const std::uint64_t started = machine_.counts().started;
  const std::uint64_t of_run = started - std::min(started, started_before_);
  return options_.count_max - std::min(options_.count_max, of_run);
}

bool WorkerLoop::start_one(std::uint64_t messages_max, Instant now, std::vector<LeaseRef>& hands) {
  auto hand = machine_.start(
      static_cast<std::uint32_t>(std::min<std::uint64_t>(messages_max, UINT32_MAX)), now);
  if (!hand) return false;
  hands.emplace_back(new Lease(bench_, std::move(*hand)));
  active_.push_back(hands.back());
  return true;
}

void WorkerLoop::stage(Instant now, const Bench::Demand& demand, WorkerEffects& effects) {
  std::vector<LeaseRef> hands;
  if (demand.batching) {
    std::uint64_t staged = demand.staged_messages;
    while (staged < demand.batch_messages &&
           start_one(std::min(demand.batch_messages - staged, count_left()), now, hands)) {
      staged += hands.back()->hand.count;
    }
  } else if (demand.threads > 0) {
    if (demand.threads_idle > demand.staged && machine_.ready_messages() == 0) {
      share_out(now, effects);
    }
    // Ahead of need only for fast handlers, which would wait for us otherwise.
    const bool fast = hand_messages_ > 1;
    const std::uint32_t target = instant_ ? 2 : demand.threads_idle + (fast ? demand.threads : 0);
    // In messages, too: a hand ends where a run does that would have to be cut.
    const std::uint64_t target_messages = std::uint64_t{target} * hand_messages_;
    std::uint32_t staged = demand.staged;
    std::uint64_t staged_messages = demand.staged_messages;
    while ((staged < target || staged_messages < target_messages) &&
           start_one(std::min<std::uint64_t>(hand_messages_, count_left()), now, hands)) {
      ++staged;
      staged_messages += hands.back()->hand.count;
    }
  }
  if (demand.pulling) {
    std::uint32_t pullable = demand.pullable;
    while (pullable < pullable_target + demand.pulls && start_one(pulled_messages, now, hands)) {
      pullable += hands.back()->hand.count;
    }
  }
  bench_->stage(std::move(hands), instant_ && is_busy(now), hand_messages_);
}

// Somebody has only just begun a hand.
bool WorkerLoop::is_busy(Instant now) const {
  return std::any_of(active_.begin(), active_.end(), [&](const LeaseRef& lease) {
    const std::int64_t taken = lease->taken_us.load(std::memory_order_relaxed);
    return taken != 0 && now - Instant(Duration(taken)) < hand_late;
  });
}

// Threads idle while others sit on messages that they have not begun: half of the largest such hand
// is ready again.
void WorkerLoop::share_out(Instant now, WorkerEffects& effects) {
  const LeaseRef* most = nullptr;
  for (const LeaseRef& lease : active_) {
    const std::int64_t taken = lease->taken_us.load(std::memory_order_relaxed);
    if (taken == 0 || now - Instant(Duration(taken)) < hand_late) continue;
    if (lease->cursor.unbegun() == 0) continue;
    if (most == nullptr || lease->cursor.unbegun() > (*most)->cursor.unbegun()) most = &lease;
  }
  if (most != nullptr) take_away(**most, (*most)->cursor.unbegun() / 2, now, effects);
}

}  // namespace pawl::peer
