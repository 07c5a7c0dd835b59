// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/worker_loop.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/check.hpp"
#include "core/chunk/text.hpp"
#include "core/codes.hpp"
#include "core/limits.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl::peer {
namespace {

using detail::Lease;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int socket_reads_max = 256;
// For the last SETTLEs and BYE: without it a hub would keep them leased to a peer that is gone.
constexpr int linger_ms = 200;

WorkerMachine::Options machine_options(const WorkerOptions& options) {
  return {options.queue, options.peer, options.prefetch_messages, options.prefetch_bytes,
          options.slots};
}

// A hub counts no more slots than it knows of: beyond them, suspects would be taken for innocent.
void require_at_most(const char* field, std::uint32_t value, std::uint32_t most) {
  if (value <= most) return;
  throw std::invalid_argument(std::string(field) + " is " + std::to_string(value) +
                              ", a session has at most " + std::to_string(most) +
                              ": use that, or several workers");
}

WorkerOptions checked(WorkerOptions options) {
  require_name("queue", options.queue);
  if (options.peer.empty()) options.peer = default_peer_name();
  options.peer = clean_text(options.peer, limits::name_bytes_max);
  options.threads = std::max(options.threads, 1U);
  require_at_most("threads", options.threads, limits::slots_max);
  require_at_most("slots", options.slots, limits::slots_max);
  options.slots = std::max(options.slots, options.threads);
  options.prefetch_messages =
      std::clamp<std::uint32_t>(options.prefetch_messages, 1, limits::held_messages_max);
  options.prefetch_bytes = std::max<std::uint64_t>(options.prefetch_bytes, 1);
  options.idle_exit = within_a_year(options.idle_exit);
  options.batch_messages_max = std::clamp(options.batch_messages_max, 1U, options.slots);
  return options;
}

}  // namespace

WorkerLoop::WorkerLoop(WorkerOptions options)
    : options_(checked(std::move(options))),
      link_({options_.endpoint, options_.context, options_.on_connection, options_.executor,
             options_.log}),
      bench_(std::make_shared<Bench>(options_, link_.shared_gate())),
      machine_(machine_options(options_), random_seed()) {
  bench_->start_waking([this] { link_.wake(); }, this);
  thread_ = std::thread([this] { run(); });
}

WorkerLoop::~WorkerLoop() {
  if (thread_.joinable()) end(read_clock());
}

// See the top of worker_machine.hpp; this is the only function that does anything. True: nothing is
// to be done before something happens.
bool WorkerLoop::turn(Instant now) {
  const bool established = machine_.session().established();
  WorkerEffects effects;
  again_ = false;
  WireMessage message;
  for (int i = 0; i < socket_reads_max && link_.receive(message); ++i) {
    machine_.apply(Received{std::move(message)}, now, effects);
  }
  // After what came before the break: a GOAWAY says more than the break does.
  if (link_.broken()) failed_ = SocketFailed{"the connection broke"};
  if (failed_) machine_.apply(*std::exchange(failed_, std::nullopt), now, effects);
  bench_->take_work(work_);
  take_reports(now, effects);
  sample(now, effects);
  recall(now, effects);
  leave(now, effects);
  machine_.tick(now, effects);
  mark_lost(now, effects);
  bench_->believed_until_us.store(machine_.session().believed_until().time_since_epoch().count());
  bench_->handler_timeout_us.store(machine_.handler_timeout().count());
  bench_->first_backoff_us.store(machine_.first_backoff().count());
  failed_ = link_.carry_out(effects.peer);
  if (!left_) stage(now, work_.demand, effects);
  publish(work_.demand);
  if (left_) link_.close(established ? linger_ms : 0);
  return !left_ && !failed_ && !again_ && bench_->may_sleep();
}

void WorkerLoop::take_reports(Instant now, WorkerEffects& effects) {
  for (WorkerEvent& event : work_.events) machine_.apply(std::move(event), now, effects);
  work_.events.clear();
  for (const LeaseRef& lease : work_.done) {
    learn_pace(*lease);
    finish_hand(*lease, now, effects);
    std::erase(late_, lease->hand.id);
  }
  work_.done.clear();
  want(now, work_.demand, effects);
  bool draining = false;
  {
    const std::lock_guard lock(mutex_);
    draining = draining_;
  }
  if (draining && !std::exchange(drained_, true)) machine_.apply(Drain{}, now, effects);
}

// Passes on what is wanted, if that has changed. A run with count_max wants no more than it may
// start; who pulls may want anything.
void WorkerLoop::want(Instant now, const Bench::Demand& demand, WorkerEffects& effects) {
  if (demand.runners != runners_) {
    runners_ = demand.runners;
    started_before_ = machine_.counts().started;
  }
  // Every handler is late: nobody would begin what is at hand, and the hub would blame it in the
  // end.
  const bool is_stuck = !late_.empty() && late_.size() == demand.busy && demand.threads_idle == 0;
  std::optional<std::uint64_t> wanted;
  if (demand.wanted && !(is_stuck && !demand.pulling)) wanted = UINT64_MAX;
  if (wanted && options_.count_max != 0 && !demand.pulling) {
    wanted = started_before_ + std::min(options_.count_max, UINT64_MAX - started_before_);
  }
  if (wanted == std::exchange(wanted_, wanted)) return;
  if (wanted) return machine_.apply(Want{*wanted}, now, effects);
  machine_.apply(Unwant{}, now, effects);
}

// Collects what was acked and not told yet.
void WorkerLoop::finish_hand(Lease& lease, Instant now, WorkerEffects& effects) {
  const auto [from, to] = lease.cursor.collect();
  if (from < to) {
    machine_.apply(Finished{lease.hand.id, from, to - from, protocol::Verb::ack, {}, {}}, now,
                   effects);
  }
  take_away(lease, 0, now, effects);
}

void WorkerLoop::take_away(Lease& lease, std::uint32_t keep, Instant now, WorkerEffects& effects) {
  const std::uint32_t before = lease.cursor.limit();
  const std::uint32_t end = lease.cursor.limit_to(keep);
  if (end < before) machine_.apply(Untouched{lease.hand.id, end}, now, effects);
}

// Tells the machine what was begun, for its time-outs, and collects acks from hands that take long.
void WorkerLoop::sample(Instant now, WorkerEffects& effects) {
  for (const LeaseRef& lease : active_) {
    const std::int64_t taken = lease->taken_us.load(std::memory_order_relaxed);
    if (taken == 0) continue;
    const bool singly = lease->singly.load(std::memory_order_acquire);
    const bool late = now - Instant(Duration(taken)) >= hand_late;
    if (singly && late && lease->hand.count > 1) {
      const auto [from, to] = lease->cursor.collect();
      if (from < to) {
        machine_.apply(Finished{lease->hand.id, from, to - from, protocol::Verb::ack, {}, {}}, now,
                       effects);
      }
    }
    if (!machine_.has_handler_timeout()) continue;
    const std::uint32_t begun = lease->cursor.begun();
    if (begun == lease->sampled) continue;
    const std::uint32_t first = singly ? begun - 1 : lease->sampled;
    machine_.apply(Begun{lease->hand.id, first, begun - first, singly}, now, effects);
    lease->sampled = begun;
  }
  std::erase_if(active_, [&](const LeaseRef& lease) { return !machine_.has_hand(lease->hand.id); });
}

// Takes what was not begun out of hands, the latest hand first.
void WorkerLoop::recall(Instant now, WorkerEffects& effects) {
  const std::uint64_t wanted = std::exchange(effects.recall, 0);
  std::uint64_t taken = 0;
  for (auto at = active_.rbegin(); at != active_.rend() && taken < wanted; ++at) {
    Lease& lease = **at;
    const std::uint32_t before = lease.cursor.limit();
    const std::uint32_t unbegun = lease.cursor.unbegun();
    const auto take = static_cast<std::uint32_t>(std::min<std::uint64_t>(unbegun, wanted - taken));
    take_away(lease, unbegun - take, now, effects);
    taken += before - lease.cursor.limit();
  }
  if (taken > 0 && !drained_) machine_.apply(GiveBack{taken}, now, effects);
}

void WorkerLoop::mark_lost(Instant now, WorkerEffects& effects) {
  for (const auto& timed_out : effects.timed_out) {
    for (const LeaseRef& lease : active_) {
      if (lease->hand.id != timed_out.hand) continue;
      const bool is_known = std::find(late_.begin(), late_.end(), timed_out.hand) != late_.end();
      if (lease->handled.load() && !is_known) late_.push_back(timed_out.hand);
      for (std::uint32_t i = 0; i < timed_out.count && timed_out.first + i < 64; ++i) {
        lease->expired.fetch_or(std::uint64_t{1} << (timed_out.first + i));
      }
      take_away(*lease, 0, now, effects);
      again_ = true;
    }
  }
  std::erase_if(active_, [&](const LeaseRef& lease) {
    const auto& lost = effects.lost_hands;
    const bool is_lost =
        effects.all_lost || std::find(lost.begin(), lost.end(), lease->hand.id) != lost.end();
    if (!is_lost) return false;
    lease->lost.store(true, std::memory_order_release);
    lease->cursor.limit_to(0);
    return true;
  });
}

Instant WorkerLoop::next_sample(Instant now) const {
  // Handlers were fast: what was staged quietly, or is told of with its hand, is for a thread that
  // may turn out to be slow.
  const bool quiet = (hand_messages_ > 1 || instant_) && bench_->has_untold();
  Instant due = quiet ? now + hand_late : never;
  for (const LeaseRef& lease : active_) {
    if (lease->taken_us.load(std::memory_order_relaxed) == 0) continue;
    if (lease->singly.load() && lease->cursor.limit() > 1) due = std::min(due, now + hand_late);
    if (!machine_.has_handler_timeout()) continue;
    due = std::min(due, now + std::max<Duration>(machine_.handler_timeout() / 4, milliseconds(1)));
  }
  return due;
}

void WorkerLoop::leave(Instant now, WorkerEffects& effects) {
  if (!is_leaving()) return;
  bench_->close();
  CloseResult result;
  for (const auto& range : machine_.open_ranges()) {
    for (std::uint64_t i = 0; i < range.length; ++i) {
      result.still_running.push_back(options_.queue + "/" + std::to_string(range.lane) + "/" +
                                     std::to_string(range.offset + i));
    }
  }
  result.unanswered = machine_.unanswered();
  result.clean = machine_.is_empty();
  machine_.apply(Leave{}, now, effects);
  left_ = true;
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
}

void WorkerLoop::publish(const Bench::Demand& demand) {
  const auto& session = machine_.session();
  const bool is_refused = session.state() == SessionMachine::State::refused;
  if (is_refused && !refusal_) bench_->refuse({session.refusal(), session.refusal_text()});
  const auto& counts = machine_.counts();
  if (count_left() == 0 && machine_.in_hand() == 0 && demand.threads > 0) {
    bench_->end_run(runners_, RunEnd::counted);
  }
  const std::lock_guard lock(mutex_);
  if (is_refused && !refusal_) refusal_ = Fault{session.refusal(), session.refusal_text()};
  open_ = machine_.is_open();
  empty_ = drained_ && machine_.is_empty();
  progress_ = {counts.received, counts.started,  counts.acked, counts.nacked,
               counts.rejected, counts.returned, counts.stale, counts.timed_out};
  changed_.notify_all();
}

bool WorkerLoop::wait_open(std::chrono::milliseconds timeout) {
  const Instant deadline = deadline_after(read_clock(), timeout);
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, steady(deadline), [&] { return open_ || refusal_ || leaving_; });
  if (refusal_) {
    throw Refused(refusal_->code, std::string(name_of(refusal_->code)) + ": " + refusal_->text);
  }
  return open_;
}

void WorkerLoop::ask_to_drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  bench_->poke();
}

bool WorkerLoop::wait_drained(Instant deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, steady(deadline), [&] { return empty_ || refusal_; }) && empty_;
}

CloseResult WorkerLoop::end(Instant deadline) {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
    changed_.notify_all();
  }
  bench_->poke();
  unpark_.signal();
  link_.wake();
  thread_.join();
  bench_->retire();
  link_.gate().shut(deadline);
  const std::lock_guard lock(mutex_);
  result_.progress = progress_;
  return result_;
}

WorkerProgress WorkerLoop::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

}  // namespace pawl::peer
