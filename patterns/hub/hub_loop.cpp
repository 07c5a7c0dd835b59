// SPDX-License-Identifier: Apache-2.0
#include "patterns/hub/hub_loop.hpp"

#include <algorithm>

namespace pawl {
namespace {

// How long peers wait that are told to come again: a store mostly reopens at once; after a stop
// another process is to be started first.
constexpr std::uint32_t retry_after_failure_ms = 100, retry_after_stop_ms = 1000;
// on_idle() from so long without a commit until so long; it paces itself.
constexpr Duration tidy_from = std::chrono::seconds(2), tidy_until = std::chrono::seconds(30);

}  // namespace

void HubLoop::start(std::unique_ptr<HubMachine> machine, Store& store) {
  drop();
  store_ = &store;
  machine_ = std::move(machine);
  turn_ = std::make_unique<Turn>(*machine_, store, staged_bytes_max_);
}

void HubLoop::drop() {
  turn_.reset();
  machine_.reset();
}

std::optional<Turn::Failure> HubLoop::turn(Now now, std::vector<RoutedMessage>& out) {
  if (was_deaf_) machine_->postpone(now.mono - last_turn_);
  last_turn_ = now.mono;
  if (auto failure = turn_->take_store_events(out)) return failure;
  machine_->set_free_bytes(store_->free_bytes());
  machine_->tick(now, socket_was_empty_);
  turn_->finish(now, out);
  // A store without threads has finished already.
  return store_->ready_fd() < 0 ? turn_->take_store_events(out) : std::nullopt;
}

void HubLoop::sent(const std::vector<RoutedMessage>& unsent) {
  if (machine_) machine_->on_unsent(unsent);
}

std::optional<Duration> HubLoop::time_to_sleep(Now now) {
  const auto deadline = machine_->time_to_next_deadline(now);
  if (turn_->has_more_now() || (!socket_was_empty_ && reads())) return std::nullopt;
  if (!deadline) return Duration::max();
  return std::chrono::ceil<std::chrono::milliseconds>(*deadline);
}

Duration HubLoop::tidy_up(Now now) {
  if (turn_->commit_under_way()) idle_since_ = now.mono;
  const Duration idle = now.mono - idle_since_;
  if (idle >= tidy_until) return Duration::max();
  if (idle >= tidy_from) store_->on_idle();
  return tidy_from;
}

void HubLoop::give_up(const Turn::Failure& failure, std::vector<RoutedMessage>& out) {
  out.clear();
  if (!failure.must_end) {
    machine_->take_gated();  // waited for a commit that will not come (G1)
    machine_->announce_end("the store failed and is being reopened", retry_after_failure_ms);
    out = machine_->take_gated();
  }
  drop();
}

bool HubLoop::say_goodbye(Now now, std::vector<RoutedMessage>& out) {
  store_->settle();
  if (turn_->take_store_events(out)) return false;
  machine_->announce_end("the hub is stopping", retry_after_stop_ms);
  turn_->finish(now, out);
  store_->settle();
  return !turn_->take_store_events(out);
}

void HubLoop::write_clean_end(Now now) {
  store_->submit(machine_->clean_end(now));
  store_->settle();
}

}  // namespace pawl
