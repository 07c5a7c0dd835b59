// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/handling.hpp"

#include <time.h>

#include <system_error>
#include <thread>
#include <type_traits>

#include "core/protocol/messages.hpp"

namespace pawl::peer {
namespace {

using detail::DeliveryAccess;
using detail::Lease;

// Return is an ack, a throw is what its type says. Nothing passes this.
template <class Call>
HandlerOutcome outcome_of(Call&& call) {
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return {};
    } else {
      return call();
    }
  } catch (const Reject& reject) {
    return {Verdict::reject, reject.what(), {}};
  } catch (const Return& give_back) {
    return {Verdict::give_back, {}, give_back.delay()};
  } catch (const Nack& nack) {
    return {Verdict::nack, nack.what(), nack.delay()};
  } catch (const std::exception& error) {
    return {Verdict::nack, error.what(), {}};
  } catch (...) {
    return {Verdict::nack, "the handler threw what is no std::exception", {}};
  }
}

protocol::Verb verb_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ack: return protocol::Verb::ack;
    case Verdict::nack: return protocol::Verb::nack;
    case Verdict::reject: return protocol::Verb::reject;
    case Verdict::give_back: break;
  }
  return protocol::Verb::give_back;
}

Finished finished(const Lease& lease, std::uint32_t first, std::uint32_t count,
                  HandlerOutcome outcome) {
  return {lease.hand.id,
          first,
          count,
          verb_of(outcome.verdict),
          delay_ms_of(outcome.delay),
          std::move(outcome.reason)};
}

// The kernel's coarse clock costs a quarter of the fine one, which for a fast handler is all there
// is to save; it lags by at most one tick.
constexpr std::int64_t coarse_lag_us = 10'000;

std::int64_t coarse_now_us() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
  return std::int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1'000;
}

bool may_begin(const Bench& bench, std::int64_t now_us) {
  return now_us + coarse_lag_us < bench.believed_until_us.load(std::memory_order_relaxed);
}

// True: acked. Anything else is reported here.
template <class AnyHandler>
bool handle_one(Bench& bench, Lease& lease, Delivery& delivery, std::uint32_t index,
                const AnyHandler& handler) {
  auto problem = DeliveryAccess::check_meta(delivery);
  HandlerOutcome outcome = problem ? HandlerOutcome{Verdict::reject, std::move(*problem), {}}
                                   : outcome_of([&] { return handler(delivery); });
  if (outcome.verdict == Verdict::ack) return true;
  const auto [from, to] = lease.cursor.pass();
  if (from < to) bench.report_with_hand(finished(lease, from, to - from, {}));
  bench.report_with_hand(finished(lease, index, 1, std::move(outcome)));
  return false;
}

template <class AnyHandler>
void work_hand(Bench& bench, Lease& lease, const AnyHandler& handler) {
  HandReader reader(lease.hand);
  const Run* at = nullptr;
  Delivery delivery;
  Entry entry;
  bool acked = false;
  std::int64_t now_us = 0;
  while (may_begin(bench, now_us = coarse_now_us())) {
    const auto index = lease.cursor.begin_next(acked);
    if (!index) return;
    const Run& run = reader.next(entry);
    if (&run != std::exchange(at, &run)) DeliveryAccess::point_at_run(delivery, lease, run);
    DeliveryAccess::point(delivery, run, entry, *index, now_us);
    acked = handle_one(bench, lease, delivery, *index, handler);
  }
  if (acked) lease.cursor.note_acked();
}

struct Batch {
  std::vector<Delivery> deliveries;
  std::vector<HandlerOutcome> outcomes;
  std::vector<std::pair<Lease*, std::uint32_t>> origins;

  void clear() {
    deliveries.clear();
    outcomes.clear();
    origins.clear();
  }
};

void begin_batch(Bench& bench, const std::vector<LeaseRef>& hands, std::int64_t now_us,
                 Batch& batch) {
  batch.clear();
  for (const LeaseRef& lease : hands) {
    const std::uint32_t count = lease->cursor.begin_all();
    HandReader reader(lease->hand);
    Entry entry;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Run& run = reader.next(entry);
      Delivery delivery;
      DeliveryAccess::point_at_run(delivery, *lease, run);
      DeliveryAccess::point(delivery, run, entry, i, now_us);
      if (auto problem = DeliveryAccess::check_meta(delivery)) {
        bench.report_with_hand(finished(*lease, i, 1, {Verdict::reject, std::move(*problem), {}}));
        continue;
      }
      batch.deliveries.push_back(std::move(delivery));
      batch.origins.emplace_back(lease.get(), i);
    }
  }
  batch.outcomes.resize(batch.deliveries.size());
}

// Neighbours with the same outcome are one report.
void report_batch(Bench& bench, const Batch& batch) {
  const auto same = [&](std::size_t a, std::size_t b) {
    const HandlerOutcome& x = batch.outcomes[a];
    const HandlerOutcome& y = batch.outcomes[b];
    return batch.origins[a].first == batch.origins[b].first &&
           batch.origins[a].second + (b - a) == batch.origins[b].second && x.verdict == y.verdict &&
           x.delay == y.delay && x.reason == y.reason;
  };
  for (std::size_t first = 0; first < batch.outcomes.size();) {
    std::size_t end = first + 1;
    while (end < batch.outcomes.size() && same(first, end)) ++end;
    const auto [lease, index] = batch.origins[first];
    bench.report_with_hand(
        finished(*lease, index, static_cast<std::uint32_t>(end - first), batch.outcomes[first]));
    first = end;
  }
}

void work_batch(Bench& bench, const std::vector<LeaseRef>& hands, const BatchHandler& handler,
                Batch& batch) {
  const std::int64_t now_us = coarse_now_us();
  if (!may_begin(bench, now_us)) return;  // what is not begun goes back
  begin_batch(bench, hands, now_us, batch);
  if (batch.deliveries.empty()) return;
  const HandlerOutcome whole =
      outcome_of([&] { handler(batch.deliveries, std::span(batch.outcomes)); });
  if (whole.verdict != Verdict::ack) {
    std::fill(batch.outcomes.begin(), batch.outcomes.end(), whole);
  }
  report_batch(bench, batch);
}

// Runs `work` here and on the other threads. An exception of ours (out of memory) ends the run.
template <class Work>
RunEnd on_threads(Bench& bench, bool batches, Work work) {
  const std::shared_ptr<Bench::Runners> runners = bench.begin_run(batches);
  const auto guarded = [&] {
    bench.enter();
    try {
      work(*runners);
    } catch (...) {
      bench.end(RunEnd::closed);
    }
    bench.leave(*runners);
  };
  std::vector<std::thread> others;
  try {
    while (others.size() + 1 < bench.options().threads) others.emplace_back(guarded);
  } catch (const std::system_error&) {
    bench.end(RunEnd::closed);  // no more threads: better none than fewer than asked for
  }
  guarded();
  for (std::thread& thread : others) thread.join();
  return bench.ended(*runners);
}

template <class AnyHandler>
RunEnd run_each(Bench& bench, const AnyHandler& handler) {
  return on_threads(bench, false, [&](Bench::Runners& runners) {
    LeaseRef lease;
    while ((lease = bench.exchange(runners, std::move(lease)))) work_hand(bench, *lease, handler);
  });
}

void settle(Delivery& delivery, const HandlerOutcome& outcome) {
  switch (outcome.verdict) {
    case Verdict::ack: delivery.ack(); break;
    case Verdict::nack: delivery.nack(outcome.reason, outcome.delay); break;
    case Verdict::reject: delivery.reject(outcome.reason); break;
    case Verdict::give_back: delivery.give_back(outcome.delay); break;
  }
}

}  // namespace

// Each holds the bench itself: a handler may still run when the worker is gone.
RunEnd run_singly(std::shared_ptr<Bench> bench, const Handler& handler) {
  return run_each(*bench, handler);
}

RunEnd run_singly(std::shared_ptr<Bench> bench, const DecidingHandler& handler) {
  return run_each(*bench, handler);
}

RunEnd run_batches(std::shared_ptr<Bench> bench, const BatchHandler& handler) {
  return on_threads(*bench, true, [&](Bench::Runners& runners) {
    std::vector<LeaseRef> hands;
    Batch batch;
    for (;;) {
      hands = bench->exchange(runners, std::move(hands), bench->options().batch_messages_max);
      if (hands.empty()) return;
      work_batch(*bench, hands, handler, batch);
    }
  });
}

void handle(Delivery& delivery, const Handler& handler) {
  settle(delivery, outcome_of([&] { handler(delivery); }));
}

void handle(Delivery& delivery, const DecidingHandler& handler) {
  settle(delivery, outcome_of([&] { return handler(delivery); }));
}

}  // namespace pawl::peer
