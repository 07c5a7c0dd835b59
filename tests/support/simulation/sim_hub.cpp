// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/sim_hub.hpp"

#include <stdexcept>

#include "tests/support/hub_tester.hpp"

namespace pawl::testing {
namespace {

constexpr int turns_at_once_max = 1000;
constexpr std::uint64_t reload_every = 3;  // commits: a reload costs as much as all rows

FaultyStoreOptions store_options(std::uint64_t seed, Mutation mutation) {
  FaultyStoreOptions options;
  options.seed = seed;
  options.hold_commits = true;
  options.ignore_durable = mutation == Mutation::no_sync;
  return options;
}

}  // namespace

SimHub::SimHub(HubConfig config, std::uint64_t seed, Mutation mutation)
    : config_(std::move(config)),
      mutation_(mutation),
      random_(seed),
      store_(store_options(seed + 1, mutation)),
      mutated_(mutated_store(store_, mutation)),
      entropy_(seed + 2) {}

void SimHub::start(Now now) {
  Store& store = mutated_ ? *mutated_ : store_;
  auto recovered =
      HubMachine::recover(config_, store, entropy_, "boot-" + std::to_string(machine_boots_), now);
  if (!recovered) throw std::runtime_error("the hub cannot start: " + recovered.fault().text);
  machine_ = std::move(*recovered);
  turn_ = std::make_unique<Turn>(*machine_, store);
  commit_done_at_ = never;
  wake_at_ = now.mono;
  sealed_digest_.clear();
}

void SimHub::kill() {
  turn_.reset();
  machine_.reset();
  inbox_.clear();
  store_.kill();
  if (!mutated_) return;
  mutated_ = mutated_store(store_, mutation_);
}

void SimHub::power_cut() {
  kill();
  store_.crash(FaultyStore::Survivors::seeded);
  ++machine_boots_;
}

bool SimHub::run(Now now, std::vector<RoutedMessage>& out) {
  for (int i = 0; i < turns_at_once_max; ++i) {
    if (commit_done_at_ <= now.mono) {
      commit_done_at_ = never;
      store_.complete_next();
    }
    if (!turn(now, out)) return false;
    if (store_.commits_held() > 0 && commit_done_at_ == never) {
      const bool slow = random_.below(40) == 0;
      commit_done_at_ =
          now.mono + Duration(static_cast<std::int64_t>(random_.below(slow ? 150'000 : 4'000)));
    }
    fall_asleep(now);
    const bool has_input = !inbox_.empty() && turn_->may_take_more();
    if (!has_input && !turn_->has_more_now() && commit_done_at_ > now.mono) return true;
  }
  throw std::runtime_error("the hub does not come to rest");
}

bool SimHub::turn(Now now, std::vector<RoutedMessage>& out) {
  while (!inbox_.empty() && turn_->may_take_more()) {
    machine_->on_message(std::move(inbox_.front()), now);
    inbox_.pop_front();
    machine_->check_invariants();
  }
  const bool was_under_way = turn_->commit_under_way();
  if (turn_->take_store_events(out)) {
    machine_->take_gated();
    machine_->announce_end("the store failed", 50);
    for (RoutedMessage& message : machine_->take_gated()) out.push_back(std::move(message));
    if (store_.reopen().code != Code::ok) throw std::runtime_error("the store does not reopen");
    start(now);
    return false;
  }
  if (was_under_way && !turn_->commit_under_way()) check_reload(now);
  machine_->set_free_bytes(store_.free_bytes());
  machine_->tick(now, inbox_.empty());
  const bool under_way = turn_->commit_under_way();
  turn_->finish(now, out);
  if (!under_way && turn_->commit_under_way() && ++commits_ % reload_every == 0) {
    sealed_digest_ = machine_->digest();
    sealed_producers_ = machine_->settled_producer_rows();
  }
  machine_->check_invariants();
  return true;
}

void SimHub::check_reload(Now now) {
  if (sealed_digest_.empty() || mutation_ != Mutation::none) return;
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
  const bool has_input = !inbox_.empty() && turn_->may_take_more();
  return has_input ? Instant{} : std::min(wake_at_, commit_done_at_);
}

void SimHub::on_unreachable(const std::string& connection) {
  if (machine_) machine_->on_unreachable(connection);
}

}  // namespace pawl::testing
