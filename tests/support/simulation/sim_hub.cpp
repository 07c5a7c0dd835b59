// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_hub.hpp"

#include <stdexcept>

#include "patterns/work_queue/records.hpp"
#include "tests/support/hub_tester.hpp"

namespace pawl::testing {
namespace {

using namespace std::chrono_literals;

constexpr int turns_at_once_max = 1000;
constexpr Duration reopen_every = 100ms;  // as hub_shell.cpp

FaultyStoreOptions store_options(const SimHub::Options& options) {
  FaultyStoreOptions store;
  store.seed = options.seed + 1;
  store.hold_commits = store.hold_reads = true;
  store.ignore_durable = options.mutation == Mutation::confirm_before_sync;
  store.tear_commits = options.mutation == Mutation::torn_commits;
  return store;
}

HubTime wall_at(Instant now, Duration ahead) {
  return HubTime{1'700'000'000'000'000} + now.time_since_epoch() + ahead;
}

}  // namespace

SimHub::SimHub(Options options)
    : options_(std::move(options)),
      config_(mutated_config(options_.config, options_.mutation)),
      random_(options_.seed),
      store_(store_options(options_)),
      mutated_(mutated_store(store_, options_.mutation)),
      entropy_(options_.seed + 2) {}

Now SimHub::read_clocks(Instant now) {
  return {now, clock_.read(wall_at(now, wall_ahead_), now)};
}

bool SimHub::start(Instant now) {
  if (full_until_ <= now) heal();
  if (store_.failed() && store().reopen().code != Code::ok) return false;
  const std::string boot = "boot-" + std::to_string(machine_boots_);
  auto recovered = HubMachine::recover(config_, store(), entropy_, boot, read_clocks(now));
  if (!recovered && store_.free_bytes() == 0) return false;
  if (!recovered) throw std::runtime_error("the hub cannot start: " + recovered.fault().text);
  machine_ = std::move(*recovered);
  clock_ = HubClock(machine_->time_floor(), wall_at(now, wall_ahead_), now);
  turn_ = std::make_unique<Turn>(*machine_, store());
  commit_done_at_ = read_done_at_ = reopen_at_ = never;
  wake_at_ = now;
  sealed_digest_.clear();
  return true;
}

void SimHub::drop_machine() {
  turn_.reset();
  machine_.reset();
  reopen_at_ = never;
}

void SimHub::kill() {
  drop_machine();
  inbox_.clear();
  store_.kill();
  if (mutated_) mutated_ = mutated_store(store_, options_.mutation);
}

void SimHub::power_cut() {
  kill();
  store_.crash(FaultyStore::Survivors::seeded);
  ++machine_boots_;
}

// As the shell's finish_up().
std::vector<RoutedMessage> SimHub::stop(Instant now) {
  std::vector<RoutedMessage> out;
  if (turn_) {
    const Now clocks = read_clocks(now);
    const auto fails = [&] {
      store_.settle();
      return turn_->take_store_events(out).has_value();
    };
    if (!fails()) {
      machine_->announce_end("the hub is stopping", 100);
      turn_->finish(clocks, out);
      if (!fails()) {
        store().submit(machine_->clean_end(clocks));
        store_.settle();
      }
    }
  }
  drop_machine();
  inbox_.clear();
  store_.close_cleanly();
  return out;
}

void SimHub::fill_disk_until(Instant until, bool to_the_last_byte) {
  full_until_ = until;
  if (to_the_last_byte) {
    store_.set_full(true);
  } else {
    store_.set_free_bytes(0);
  }
}

void SimHub::heal() {
  full_until_ = never;
  store_.set_full(false);
  store_.set_free_bytes(UINT64_MAX / 2);
  slow_until_ = {};
}

void SimHub::receive(RoutedMessage message) {
  mutate_to_hub(options_.mutation, message.message);
  inbox_.push_back(std::move(message));
}

SimHub::End SimHub::run(Instant now, std::vector<RoutedMessage>& out) {
  if (full_until_ <= now) heal();
  if (reopen_at_ != never) {
    if (now < reopen_at_) return End::none;
    reopen_at_ = now + reopen_every;
    if (store().reopen().code != Code::ok || !start(now)) return End::none;
  }
  const std::size_t said_before = out.size();
  End end = End::none;
  for (int i = 0; end == End::none; ++i) {
    if (i == turns_at_once_max) throw std::runtime_error("the hub does not come to rest");
    if (commit_done_at_ <= now) commit_done_at_ = never, store_.complete_next();
    if (read_done_at_ <= now) read_done_at_ = never, store_.complete_all_reads();
    const Now clocks = read_clocks(now);
    end = turn(clocks, out);
    if (end != End::none || reopen_at_ != never) break;
    plan_store(now);
    fall_asleep(clocks);
    const bool has_input = !inbox_.empty() && turn_->may_take_more();
    const bool store_is_done = commit_done_at_ <= now || read_done_at_ <= now;
    if (!has_input && !turn_->has_more_now() && !store_is_done) break;
  }
  for (std::size_t i = said_before; i < out.size(); ++i) {
    mutate_to_peer(options_.mutation, options_.config.timing, out[i].message);
  }
  return end;
}

// Commits and reads that have come in are done after a while.
void SimHub::plan_store(Instant now) {
  const auto unit = static_cast<std::uint64_t>(Duration(options_.config.timing.lease).count());
  const bool is_slow = now < slow_until_ || random_.below(40) == 0;
  const std::uint64_t most = is_slow ? unit / 7 : unit / 250;
  const auto later = [&] { return now + Duration(static_cast<std::int64_t>(random_.below(most))); };
  if (store_.commits_held() > 0 && commit_done_at_ == never) commit_done_at_ = later();
  if (store_.reads_held() > 0 && read_done_at_ == never) read_done_at_ = later();
}

SimHub::End SimHub::turn(Now now, std::vector<RoutedMessage>& out) {
  while (!inbox_.empty() && turn_->may_take_more()) {
    machine_->on_message(std::move(inbox_.front()), now);
    inbox_.pop_front();
  }
  const bool was_under_way = turn_->commit_under_way();
  if (const auto failure = turn_->take_store_events(out)) return begin_anew(*failure, now, out);
  if (was_under_way && !turn_->commit_under_way()) check_reload(now);
  machine_->set_free_bytes(store_.free_bytes());
  machine_->tick(now, inbox_.empty());
  const bool under_way = turn_->commit_under_way();
  turn_->finish(now, out);
  if (!under_way && turn_->commit_under_way() && ++commits_ % options_.reload_every == 0) {
    sealed_digest_ = machine_->digest();
    sealed_producers_ = machine_->settled_producer_rows();
  }
  if (options_.check_every != 0 && ++turns_ % options_.check_every == 0) {
    machine_->check_invariants();
  }
  return End::none;
}

// As the shell's start_again().
SimHub::End SimHub::begin_anew(const Turn::Failure& failure, Now now,
                               std::vector<RoutedMessage>& out) {
  if (failure.must_end && failure.text.find("lacks one") != std::string::npos) {
    fault_ = "G1 " + failure.text;
  }
  machine_->take_gated();
  machine_->announce_end("the store failed", 50);
  for (RoutedMessage& message : machine_->take_gated()) out.push_back(std::move(message));
  turn_.reset();
  if (failure.must_end) return End::process;
  if (store().reopen().code != Code::ok || !start(now.mono)) {
    reopen_at_ = now.mono + reopen_every;
  }
  return End::reopened;
}

void SimHub::check_reload(Now now) {
  if (sealed_digest_.empty() || options_.mutation != Mutation::none) return;
  const std::string difference =
      difference_after_reload(config_, store_.written(), now, sealed_digest_, sealed_producers_);
  if (fault_.empty()) fault_ = difference;
  sealed_digest_.clear();
}

// Whole milliseconds, rounded up, as the shell's poll.
void SimHub::fall_asleep(Now now) {
  const auto in = machine_->time_to_next_deadline(now);
  wake_at_ = in ? now.mono + std::chrono::ceil<std::chrono::milliseconds>(*in) : never;
}

Instant SimHub::next_deadline() const {
  if (!machine_) return never;
  if (reopen_at_ != never) return reopen_at_;
  const bool has_input = !inbox_.empty() && turn_->may_take_more();
  if (has_input) return Instant{};
  return std::min({wake_at_, commit_done_at_, read_done_at_, full_until_});
}

void SimHub::on_unsent(const std::vector<RoutedMessage>& messages) {
  if (turn_) machine_->on_unsent(messages);
}

Oracle::Counters SimHub::counters(const std::string& queue) const {
  const auto value_of = [this](const std::string& key) {
    const Page page = store_.written().page({Space::state, key, key + '\0', 1, 0});
    return page.rows.empty() ? Slice() : page.rows.front().value;
  };
  const Slice queue_value = value_of(records::queue_key(queue));
  if (!queue_value) return {};
  const auto row = records::decode_queue(queue_value.bytes());
  const Slice counters_value = value_of(records::counters_key(row->log));
  if (!counters_value) return {};
  const auto counters = records::decode_counters(counters_value.bytes());
  return {counters->accepted, counters->acked, counters->dead, counters->live};
}

}  // namespace pawl::testing
