// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/simulation.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <stdexcept>

#include "tests/support/simulation/sim_hub.hpp"
#include "tests/support/simulation/sim_network.hpp"
#include "tests/support/simulation/sim_peers.hpp"

namespace pawl::testing {
namespace {

using namespace std::chrono_literals;

constexpr Duration faults_for = 12s;
constexpr Duration heal_for = 120s;
constexpr std::size_t trace_lines_max = 60;
constexpr std::uint32_t max_attempts = 3;

HubConfig hub_config(std::uint64_t seed) {
  HubConfig config;
  config.timing = {1000ms, 200ms, 50ms};
  config.defaults.max_attempts = max_attempts;
  config.defaults.handler_timeout = 30s;
  config.defaults.backoff = {50ms, 2.0, 1s, 0.2};
  // The undertaker dies often, too: a dead letter that rests in place would never be found.
  QueuePolicy& dead_letters = config.queues["orders.dead"] = config.defaults;
  dead_letters.max_attempts = dead_letters.handouts_max = 1'000'000;
  config.seed = seed;
  return config;
}

class World {
 public:
  explicit World(const SimulationOptions& options);
  SimulationResult run();

 private:
  struct Process {
    std::unique_ptr<SimPeer> peer;
    std::string connection;
    Instant back_at = never;          // when it is started again
    Instant stopped_until{};          // SIGSTOP
    bool stirred = false;             // something came in
    std::deque<WireMessage> waiting;  // arrived while it was stopped
  };
  SimSurroundings around(std::size_t index);
  void add_peers();
  std::uint64_t pick(std::uint64_t below) { return random_.below(below); }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(
                       pick(static_cast<std::uint64_t>((most - least).count()))));
  }
  Now now() const {
    return {now_, HubTime{1'700'000'000'000'000 + now_.time_since_epoch().count()}};
  }
  void trace(const std::string& what);

  void step();
  Instant next_event();
  void deliver_packets();
  void run_processes();
  void run_hub();
  void maybe_fault();
  void fault_hub();
  void fault_peer(Process& process);
  void take_hub_down(bool power);
  void kill_peer(Process& process, Duration for_so_long);
  void reconnect(std::size_t index);
  bool is_at_rest();
  std::string other_holder(const SimWorker* asking, std::uint64_t offset);

  SimulationOptions options_;
  Random random_;
  Oracle oracle_{max_attempts};
  SimNetwork network_;
  SimHub hub_;
  std::vector<Process> processes_;
  std::vector<SimWorker*> workers_;
  std::vector<SimProducer*> producers_;
  Instant now_{1s};
  Instant hub_back_at_ = never;
  Instant hub_stopped_until_{};
  Instant next_fault_{};
  Instant rest_since_ = never;
  bool healed_ = false;
  SimulationResult result_;
  std::deque<std::string> trace_;
};

World::World(const SimulationOptions& options)
    : options_(options),
      random_(options.seed * 7919),
      network_(options.seed * 104'729),
      hub_(hub_config(options.seed), options.seed, options.mutation) {
  hub_.start(now());
  next_fault_ = now_ + 500ms;
  add_peers();
}

SimSurroundings World::around(std::size_t index) {
  return {[this, index](WireMessage message) {
            const Instant up = hub_.is_up() ? Instant{} : hub_back_at_;
            network_.send({processes_[index].connection, true, std::move(message)}, now_, up);
          },
          [this, index] { reconnect(index); }, [this](const std::string& what) { trace(what); }};
}

void World::add_peers() {
  processes_.resize(5);
  const auto seed = [this] { return random_.next(); };
  const auto add_producer = [&](std::size_t at, const std::string& name, bool anonymous) {
    auto peer = std::make_unique<SimProducer>(name, anonymous, seed(), around(at), oracle_);
    producers_.push_back(peer.get());
    processes_[at].peer = std::move(peer);
  };
  const auto add_worker = [&](std::size_t at, const std::string& name, const std::string& queue) {
    auto peer = std::make_unique<SimWorker>(name, queue, seed(), around(at), oracle_);
    SimWorker* worker = peer.get();
    worker->other_holder = [this, worker](std::uint64_t offset) {
      return other_holder(worker, offset);
    };
    worker->on_poison = [this, at] { kill_peer(processes_[at], between(50ms, 400ms)); };
    if (options_.mutation == Mutation::believe_longer) worker->believes_longer_by = 5s;
    workers_.push_back(worker);
    processes_[at].peer = std::move(peer);
  };
  add_producer(0, "P", false);
  add_producer(1, "A", true);
  add_worker(2, "w1", "orders");
  add_worker(3, "w2", "orders");
  add_worker(4, "undertaker", "orders.dead");
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    processes_[i].connection = network_.connect(i);
    processes_[i].peer->start(now_);
  }
}

void World::trace(const std::string& what) {
  std::string line = std::to_string((now_.time_since_epoch()).count() / 1000) + " ms  " + what;
  if (options_.verbose) std::printf("%s\n", line.c_str());
  trace_.push_back(std::move(line));
  if (trace_.size() > trace_lines_max) trace_.pop_front();
}

SimulationResult World::run() {
  const Instant heal_at = now_ + faults_for;
  const Instant end_at = heal_at + heal_for;
  try {
    while (oracle_.fault().empty() && hub_.fault().empty() && now_ < end_at) {
      if (!healed_ && now_ >= heal_at) {
        healed_ = true;
        trace("everything heals");
        for (SimProducer* producer : producers_) producer->finish();
      }
      step();
      if (healed_ && is_at_rest()) break;
    }
    if (now_ >= end_at) oracle_.complain("it does not come to rest");
    if (oracle_.fault().empty() && hub_.fault().empty()) oracle_.at_rest(hub_.chunks_left());
  } catch (const std::exception& error) {
    oracle_.complain(error.what());
  }
  result_.fault = oracle_.fault().empty() ? hub_.fault() : oracle_.fault();
  for (const std::string& line : trace_) result_.trace += line + '\n';
  result_.confirmed = oracle_.confirmed_count();
  result_.processed = oracle_.processed_count();
  result_.processed_twice = oracle_.processed_twice_count();
  result_.dead = oracle_.dead_count();
  result_.commits = hub_.commits();
  return result_;
}

void World::step() {
  now_ = std::max(now_ + 1us, next_event());
  if (!healed_ && now_ >= next_fault_) maybe_fault();
  if (hub_back_at_ <= now_) {
    hub_back_at_ = never;
    hub_.start(now());
    trace("the hub is up");
  }
  for (Process& process : processes_) {
    if (process.back_at > now_) continue;
    process.back_at = never;
    reconnect(static_cast<std::size_t>(&process - processes_.data()));
    process.peer->start(now_);
    trace(process.peer->name() + " is up");
  }
  deliver_packets();
  run_processes();
  run_hub();
}

Instant World::next_event() {
  Instant next = std::min(network_.next_arrival(), hub_back_at_);
  if (!healed_) next = std::min(next, next_fault_);
  if (hub_.is_up()) next = std::min(next, std::max(hub_stopped_until_, hub_.next_deadline()));
  for (const Process& process : processes_) {
    next = std::min(
        {next, process.back_at, std::max(process.stopped_until, process.peer->next_deadline())});
  }
  return next;
}

void World::deliver_packets() {
  while (auto packet = network_.arrive(now_)) {
    if (packet->to_hub) {
      if (hub_.is_up()) hub_.receive({packet->connection, std::move(packet->message)});
      continue;
    }
    const auto index = network_.peer_of(packet->connection);
    if (!index) continue;
    Process& process = processes_[*index];
    if (process.connection != packet->connection || !process.peer->is_alive()) continue;
    if (process.stopped_until > now_) {
      process.waiting.push_back(std::move(packet->message));
    } else {
      process.peer->receive(std::move(packet->message), now_);
      process.stirred = true;
    }
  }
}

void World::run_processes() {
  for (Process& process : processes_) {
    if (!process.peer->is_alive() || process.stopped_until > now_) continue;
    while (!process.waiting.empty()) {
      WireMessage message = std::move(process.waiting.front());
      process.waiting.pop_front();
      process.peer->receive(std::move(message), now_);
      process.stirred = true;
    }
    // Nothing but input and its own deadlines wakes a process: one that forgets a deadline is
    // stuck.
    if (!std::exchange(process.stirred, false) && process.peer->next_deadline() > now_) continue;
    process.peer->run(now_);
  }
}

void World::run_hub() {
  if (!hub_.is_up() || hub_stopped_until_ > now_ || hub_.next_deadline() > now_) return;
  std::vector<RoutedMessage> out;
  if (!hub_.run(now(), out))
    trace("a commit failed, the hub begins anew"), ++result_.failed_commits;
  for (RoutedMessage& message : out) {
    if (network_.is_up(message.routing_id)) {
      network_.send({message.routing_id, false, std::move(message.message)}, now_);
    } else {
      hub_.on_unreachable(message.routing_id);
    }
  }
}

void World::reconnect(std::size_t index) {
  Process& process = processes_[index];
  network_.cut(process.connection);
  process.waiting.clear();
  process.connection = network_.connect(index);
}

// Faults ------------------------------------------------------------------------------------------

void World::maybe_fault() {
  next_fault_ = now_ + between(50ms, 900ms);
  if (pick(3) == 0) return fault_hub();
  fault_peer(processes_[pick(processes_.size())]);
}

void World::fault_hub() {
  if (!hub_.is_up()) return;
  switch (pick(5)) {
    case 0: return take_hub_down(true);
    case 1:
    case 2: return take_hub_down(false);
    case 3:
      hub_stopped_until_ = now_ + between(50ms, 2500ms);
      ++result_.stalls;
      return trace("the hub is stopped");
    default: hub_.fail_next_commit();
  }
}

void World::take_hub_down(bool power) {
  trace(power ? "the hub's machine loses its power" : "the hub is killed");
  ++(power ? result_.power_cuts : result_.kills);
  if (power) {
    hub_.power_cut();
  } else {
    hub_.kill();
  }
  hub_stopped_until_ = {};
  hub_back_at_ = now_ + between(5ms, 600ms);
  // ZeroMQ's sockets connect again by themselves; what was under way is gone.
  for (std::size_t i = 0; i < processes_.size(); ++i) reconnect(i);
}

void World::fault_peer(Process& process) {
  if (!process.peer->is_alive()) return;
  const std::size_t index = static_cast<std::size_t>(&process - processes_.data());
  switch (pick(4)) {
    case 0:
      ++result_.cuts;
      trace(process.peer->name() + " loses its connection");
      reconnect(index);
      if (pick(2) == 0) process.peer->lose_socket(now_), process.stirred = true;
      return;
    case 1:
      ++result_.stalls;
      trace(process.peer->name() + " is stopped");
      process.stopped_until = now_ + between(50ms, 2500ms);
      return;
    default: return kill_peer(process, between(10ms, 1500ms));
  }
}

void World::kill_peer(Process& process, Duration for_so_long) {
  trace(process.peer->name() + " dies");
  ++(&process < &processes_[2] ? result_.producer_deaths : result_.worker_deaths);
  process.peer->die(now_);
  process.waiting.clear();
  process.stopped_until = {};
  network_.cut(process.connection);
  process.back_at = now_ + for_so_long;
}

std::string World::other_holder(const SimWorker* asking, std::uint64_t offset) {
  if (asking == workers_.back()) return {};
  for (const SimWorker* other : workers_) {
    if (other == asking || other == workers_.back()) continue;
    if (other->believes_to_hold(offset, now_)) return other->name();
  }
  return {};
}

// Nothing moves but beats: producers have all their answers, workers hold nothing, and that for
// longer than any lease or backoff.
bool World::is_at_rest() {
  const bool quiet =
      hub_.is_up() &&
      std::all_of(producers_.begin(), producers_.end(),
                  [](const SimProducer* one) { return one->is_alive() && one->is_quiet(); }) &&
      std::all_of(workers_.begin(), workers_.end(),
                  [](const SimWorker* one) { return one->is_alive() && one->is_idle(); });
  if (!quiet) rest_since_ = never;
  if (quiet && rest_since_ == never) rest_since_ = now_;
  return quiet && now_ - rest_since_ > 4s;
}

}  // namespace

std::string SimulationResult::summary() const {
  const auto part = [](std::uint64_t count, const char* what) {
    return std::to_string(count) + ' ' + what;
  };
  return part(confirmed, "confirmed, ") + part(processed, "processed, ") +
         part(processed_twice, "of them twice, ") + part(dead, "dead; ") +
         part(commits, "commits, ") + part(kills, "kills and ") +
         part(power_cuts, "power cuts of the hub, ") + part(failed_commits, "failed commits, ") +
         part(stalls, "stalls, ") + part(cuts, "cuts, ") + part(worker_deaths, "worker and ") +
         part(producer_deaths, "producer deaths");
}

SimulationResult simulate(const SimulationOptions& options) {
  World world(options);
  return world.run();
}

}  // namespace pawl::testing
