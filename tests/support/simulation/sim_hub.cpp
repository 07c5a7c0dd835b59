// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_hub.hpp"

#include <stdexcept>

#include "core/protocol/codec.hpp"
#include "patterns/work_queue/records.hpp"
#include "tests/support/hub_tester.hpp"
#include "tests/support/stat_numbers.hpp"

namespace pawl::testing {
namespace {

using namespace std::chrono_literals;

constexpr int idle_turns_at_once_max = 1000;  // it may take in little at a time

FaultyStoreOptions store_options(const SimHub::Options& options) {
  FaultyStoreOptions store;
  store.seed = options.seed + 1;
  store.hold_commits = store.hold_reads = !options.is_in_memory;
  store.is_read_again = !options.is_in_memory;
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
      entropy_(options_.seed + 2),
      loop_(options_.staged_bytes_max) {}

Now SimHub::read_clocks(Instant now) {
  return {now, clock_.read(wall_at(now, wall_ahead_), now)};
}

bool SimHub::start(Instant now) {
  if (full_until_ <= now) heal();
  if (store_.failed() && store().reopen().code != Code::ok) {
    why_not_ = "the disk is full";
    return false;
  }
  const std::string boot = "boot-" + std::to_string(machine_boots_);
  auto recovered = HubMachine::recover(config_, store(), entropy_, boot, read_clocks(now));
  if (!recovered) {
    why_not_ = recovered.fault().text;
    return false;
  }
  clock_ = HubClock((*recovered)->time_floor(), wall_at(now, wall_ahead_), now);
  loop_.start(std::move(*recovered), store());
  commit_is_done_ = false;
  commit_done_at_ = read_done_at_ = reopen_at_ = never;
  wake_at_ = now;
  sealed_digest_.clear();
  return true;
}

void SimHub::drop_machine() {
  loop_.drop();
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

void SimHub::stop(Instant now, const Send& send) {
  if (loop_.is_started()) {
    const Now clocks = read_clocks(now);
    std::vector<RoutedMessage> out;
    if (loop_.say_goodbye(clocks, out)) {
      send_all(std::move(out), send);
      loop_.write_clean_end(clocks);
    }
  }
  drop_machine();
  inbox_.clear();
  store_.close_cleanly();
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

SimHub::End SimHub::run(Instant now, const Send& send) {
  if (full_until_ <= now) heal();
  if (reopen_at_ != never) {
    if (now < reopen_at_) return End::none;
    reopen_at_ = now + HubLoop::reopen_every;
    if (store().reopen().code != Code::ok || !start(now)) return End::none;
  }
  for (int idle_turns = 0; idle_turns < idle_turns_at_once_max; ++idle_turns) {
    const std::size_t waiting = inbox_.size();
    if (commit_done_at_ <= now) {
      commit_done_at_ = never;
      commit_is_done_ = store_.complete_next();
    }
    if (read_done_at_ <= now) read_done_at_ = never, store_.complete_all_reads();
    const End end = turn(read_clocks(now), send);
    if (end != End::none) return end;
    plan_store(now);
    if (next_deadline() > now) return End::none;
    if (inbox_.size() < waiting) idle_turns = 0;
  }
  throw std::runtime_error("the hub does not come to rest");
}

void SimHub::send_all(std::vector<RoutedMessage> out, const Send& send) {
  for (RoutedMessage& message : out) {
    mutate_to_peer(options_.mutation, options_.config.timing, message.message);
  }
  loop_.sent(send(std::move(out)));
}

// Commits and reads that have come in are done after a while.
void SimHub::plan_store(Instant now) {
  const auto unit = static_cast<std::uint64_t>(Duration(options_.config.timing.lease).count());
  const bool is_slow = now < slow_until_ || random_.below(40) == 0;
  const bool stalls = now < slow_until_ && stalls_;
  const std::uint64_t most = stalls ? unit * 3 / 2 : is_slow ? unit / 7 : unit / 250;
  const auto later = [&] { return now + Duration(static_cast<std::int64_t>(random_.below(most))); };
  if (store_.commits_held() > 0 && commit_done_at_ == never) commit_done_at_ = later();
  if (store_.reads_held() > 0 && read_done_at_ == never) read_done_at_ = later();
}

SimHub::End SimHub::turn(Now now, const Send& send) {
  const std::size_t held = store_.commits_held();
  if (!loop_.reads() && !inbox_.empty()) ++deaf_turns_;
  loop_.drain(now, [this](RoutedMessage& into) {
    if (inbox_.empty()) return false;
    into = std::move(inbox_.front());
    inbox_.pop_front();
    return true;
  });
  std::vector<RoutedMessage> out;
  if (const auto failure = loop_.turn(now, out)) return begin_anew(*failure, now, send);
  if (std::exchange(commit_is_done_, false)) check_reload(now);
  if (store_.commits_held() > held && ++commits_ % options_.reload_every == 0) {
    sealed_digest_ = loop_.machine().digest();
    sealed_producers_ = loop_.machine().settled_producer_rows();
  }
  send_all(std::move(out), send);
  if (options_.check_every != 0 && ++turns_ % options_.check_every == 0) {
    loop_.machine().check_invariants();
  }
  const auto sleep = loop_.time_to_sleep(now);
  wake_at_ = !sleep ? now.mono : *sleep == Duration::max() ? never : now.mono + *sleep;
  return End::none;
}

SimHub::End SimHub::begin_anew(const Turn::Failure& failure, Now now, const Send& send) {
  std::vector<RoutedMessage> out;
  loop_.give_up(failure, out);
  if (failure.must_end) return End::process;
  send_all(std::move(out), send);
  if (store().reopen().code != Code::ok || !start(now.mono)) {
    reopen_at_ = now.mono + HubLoop::reopen_every;
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

Instant SimHub::next_deadline() const {
  if (!is_up()) return never;
  if (reopen_at_ != never) return reopen_at_;
  if (!inbox_.empty() && loop_.reads()) return Instant{};
  return std::min({wake_at_, commit_done_at_, read_done_at_, full_until_});
}

Oracle::Counters SimHub::counters(const std::string& queue, Instant now) {
  if (options_.is_in_memory) return counters_told(queue, now);
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

// They are in no row: it is asked for them.
Oracle::Counters SimHub::counters_told(const std::string& queue, Instant now) {
  const std::string asker = "asker of " + queue;
  protocol::Hello hello;
  hello.versions = {protocol::version};
  hello.peer = asker;
  inbox_.push_back({asker, {protocol::encode(hello), {}}});
  inbox_.push_back({asker, {protocol::encode(protocol::Query{1, "stat", ""}), {}}});
  std::map<std::string, std::uint64_t, std::less<>> told;
  run(now, [&](std::vector<RoutedMessage> out) {
    for (const RoutedMessage& one : out) {
      if (one.message.frames.empty() || one.routing_id != asker) continue;
      told = stat_numbers(one.message.frames.front().bytes(), queue);
    }
    return std::vector<RoutedMessage>();
  });
  return {told["accepted"], told["acked"], told["dead"],
          told["ready"] + told["leased"] + told["delayed"]};
}

}  // namespace pawl::testing
