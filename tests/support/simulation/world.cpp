// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/world.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "core/chunk/chunk.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t trace_lines_max = 60;

std::vector<std::uint64_t> seeds_of(const std::vector<PlannedPeer>& peers) {
  std::vector<std::uint64_t> seeds;
  for (const PlannedPeer& peer : peers) seeds.push_back(peer.seed * 31 + 7);
  return seeds;
}

}  // namespace

World::World(const Plan& plan, const SimulationOptions& options)
    : plan_(plan),
      options_(options),
      network_(plan.lease, seeds_of(plan.peers)),
      hubs_(plan.hubs.size()),
      processes_(plan.peers.size()),
      next_fault_(plan.faults.begin()) {
  for (std::size_t i = 0; i < hubs_.size(); ++i) add_hub(i);
  for (std::size_t i = 0; i < processes_.size(); ++i) add_peer(i);
  trace(describe(plan));
}

void World::add_hub(std::size_t index) {
  const PlannedHub& planned = plan_.hubs[index];
  HubProcess& process = hubs_[index];
  process.random = Random(plan_.seed * 31 + index);
  SimHub::Options options;
  options.config = planned.config;
  options.staged_bytes_max = planned.staged_bytes_max;
  options.is_in_memory = planned.is_in_memory;
  options.seed = plan_.seed * 5 + index;
  options.mutation = options_.mutation;
  options.check_every = options_.check_every;
  options.reload_every = options_.reload_every;
  process.hub = std::make_unique<SimHub>(std::move(options));
  for (const PlannedQueue& queue : planned.queues) {
    process.oracles[queue.name] = std::make_unique<Oracle>(
        Oracle::Expectation{queue.name, queue.policy, plan_.wall_jumps(), options_.watched,
                            [this](const std::string& what) { trace(what); }});
  }
  process.hub->start(now_);
}

Oracle& World::oracle_of(const PlannedPeer& peer) {
  std::string queue = peer.queue;
  if (peer.role == PeerRole::undertaker) queue.resize(queue.rfind(".dead"));
  return *hubs_[peer.hub].oracles.at(queue);
}

void World::add_peer(std::size_t index) {
  const PlannedPeer& planned = plan_.peers[index];
  Process& process = processes_[index];
  process.random = Random(planned.seed * 17 + 3);
  Oracle& oracle = oracle_of(planned);
  if (planned.role == PeerRole::producer) {
    process.peer = std::make_unique<SimProducer>(planned, plan_.lease, around(index), oracle);
  } else {
    auto worker = std::make_unique<SimWorker>(planned, plan_.lease, around(index), oracle);
    if (planned.role == PeerRole::worker) {
      worker->other_holder = [this, index](std::uint64_t offset) {
        return other_holder(index, offset);
      };
    }
    worker->on_poison = [this, index] {
      ++result_.poisoned;
      kill_peer(index, plan_.lease / 20 + up_to(plan_.lease / 3, processes_[index].random));
    };
    worker->on_standstill = [this, index](Duration lasts) {
      count(FaultKind::peer_stopped);
      trace(plan_.peers[index].name + " stands still");
      processes_[index].stopped_until = std::max(processes_[index].stopped_until, now_ + lasts);
    };
    if (options_.mutation == Mutation::believe_longer) {
      worker->believes_longer_by = plan_.lease * 5;
    }
    process.peer = std::move(worker);
  }
  process.connection = network_.connect(index);
  process.peer->start(now_);
}

SimSurroundings World::around(std::size_t index) {
  return {[this, index](WireMessage message) {
            ++result_.packets;
            const std::size_t to = plan_.peers[index].hub;
            const Instant up = hubs_[to].hub->is_up() ? Instant{} : hubs_[to].back_at;
            network_.send({processes_[index].connection, true, std::move(message), to}, now_, up);
          },
          [this, index] { replace_socket(index); },
          [this](const std::string& what) { trace(what); }};
}

std::string World::other_holder(std::size_t asking, std::uint64_t offset) {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    const PlannedPeer& other = plan_.peers[i];
    if (i == asking || other.role != PeerRole::worker) continue;
    if (other.hub != plan_.peers[asking].hub || other.queue != plan_.peers[asking].queue) continue;
    const auto& worker = dynamic_cast<const SimWorker&>(*processes_[i].peer);
    if (worker.believes_to_hold(offset, now_)) return worker.name();
  }
  return {};
}

void World::trace(const std::string& what) {
  std::string line = std::to_string(now_.time_since_epoch().count() / 1000) + " ms  " + what;
  if (options_.verbose) std::printf("%s\n", line.c_str());
  trace_.push_back(std::move(line));
  if (trace_.size() > trace_lines_max) trace_.pop_front();
}

std::string World::fault() {
  if (!complaint_.empty()) return complaint_;
  for (const HubProcess& process : hubs_) {
    for (const auto& [queue, oracle] : process.oracles) {
      if (!oracle->fault().empty()) return oracle->fault();
    }
    if (!process.hub->fault().empty()) return process.hub->fault();
  }
  return {};
}

SimulationResult World::run() {
  const Instant heal_at = now_ + plan_.faults_for;
  const Instant end_at = heal_at + plan_.heals_for;
  try {
    while (fault().empty() && now_ < end_at) {
      if (!healed_ && now_ >= heal_at) heal();
      step();
      if (healed_ && is_at_rest()) break;
    }
    if (fault().empty() && now_ >= end_at) check_without_rest();
    if (fault().empty()) check_at_rest();
  } catch (const std::exception& error) {
    if (fault().empty()) complaint_ = error.what();
  }
  return take_result();
}

SimulationResult World::take_result() {
  result_.fault = fault();
  for (const std::string& line : trace_) result_.trace += line + '\n';
  result_.simulated = now_.time_since_epoch();
  for (const HubProcess& process : hubs_) {
    result_.commits += process.hub->commits();
    result_.deaf_turns += process.hub->deaf_turns();
    for (const auto& [queue, oracle] : process.oracles) {
      result_.confirmed += oracle->confirmed_count();
      result_.processed += oracle->processed_count();
      result_.processed_twice += oracle->processed_twice_count();
      result_.dead += oracle->dead_count();
    }
  }
  return result_;
}

void World::step() {
  now_ = std::max(now_ + 1us, next_event());
  for (; !healed_ && next_fault_ != plan_.faults.end() && next_fault_->at <= now_; ++next_fault_) {
    do_fault(*next_fault_);
  }
  for (HubProcess& process : hubs_) {
    if (process.back_at > now_) continue;
    const bool is_up = process.hub->start(now_);
    process.back_at = is_up ? never : now_ + plan_.lease / 10;
    const std::string name = name_of_hub(plan_, static_cast<std::size_t>(&process - hubs_.data()));
    trace(name + (is_up ? " is up" : " cannot start: " + process.hub->why_not()));
  }
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    Process& process = processes_[i];
    if (process.back_at > now_) continue;
    process.back_at = never;
    network_.cut(process.connection);
    process.connection = network_.connect(i);
    process.peer->start(now_);
    trace(process.peer->name() + " is up");
  }
  deliver_packets();
  run_processes();
  for (std::size_t i = 0; i < hubs_.size(); ++i) run_hub(i);
}

Instant World::next_event() {
  Instant next = network_.next_arrival();
  if (!healed_ && next_fault_ != plan_.faults.end()) next = std::min(next, next_fault_->at);
  for (const HubProcess& process : hubs_) {
    next = std::min(next, process.back_at);
    if (!process.hub->is_up()) continue;
    next = std::min(next, std::max(process.stopped_until, process.hub->next_deadline()));
  }
  for (const Process& process : processes_) {
    next = std::min(
        {next, process.back_at, std::max(process.stopped_until, process.peer->next_deadline())});
  }
  return next;
}

void World::deliver_packets() {
  while (auto packet = network_.arrive(now_)) {
    if (packet->to_hub) {
      // Whose it was is known even when its socket is closed by now.
      SimHub& hub = *hubs_[packet->hub].hub;
      if (hub.is_up()) hub.receive({packet->connection, std::move(packet->message)});
      continue;
    }
    const auto index = network_.peer_of(packet->connection);
    if (!index) continue;
    Process& process = processes_[*index];
    if (process.connection != packet->connection || !process.peer->is_alive()) continue;
    if (process.stopped_until > now_ || !process.waiting.empty()) {
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

void World::run_hub(std::size_t index) {
  HubProcess& process = hubs_[index];
  SimHub& hub = *process.hub;
  if (!hub.is_up() || process.stopped_until > now_ || hub.next_deadline() > now_) return;
  const std::string name = name_of_hub(plan_, index);
  const SimHub::End end = hub.run(now_, sender(index));
  for (const HubMachine::Note& note : hub.take_notes()) trace(name + ": " + note.text);
  if (end == SimHub::End::none) return;
  for (const auto& [queue, oracle] : process.oracles) {
    oracle->store_was_cut();
    oracle->hub_was_lost();
  }
  trace(name + (end == SimHub::End::process ? " ends by itself" : " opens its store anew"));
  if (end != SimHub::End::process) return;
  hub.kill();
  take_hub_down(index, plan_.lease / 50 + up_to(plan_.lease / 2, process.random));
}

void World::note_alone(std::size_t peer, const WireMessage& message) {
  if (plan_.peers[peer].role != PeerRole::worker) return;
  if (command_of(message) != protocol::Command::deliver) return;
  const auto decoded = protocol::decode(message.header);
  const auto& row = std::get<protocol::Deliver>(*decoded).rows.front();
  if ((row.flags & protocol::deliver_flags::alone) == 0) return;
  Entry entry;
  if (!ChunkReader(message.frames.front().bytes()).next(entry)) return;
  oracle_of(plan_.peers[peer]).sent_alone(plan_.peers[peer].name, text_of(entry.body));
}

SimHub::Send World::sender(std::size_t index) {
  return [this, index](std::vector<RoutedMessage> out) {
    std::vector<RoutedMessage> unsent;
    for (RoutedMessage& message : out) {
      if (const auto peer = network_.peer_of(message.routing_id)) {
        note_alone(*peer, message.message);
        ++result_.packets;
        network_.send({message.routing_id, false, std::move(message.message), index}, now_);
      } else {
        unsent.push_back(std::move(message));
      }
    }
    return unsent;
  };
}

void World::heal() {
  healed_ = true;
  trace("everything heals");
  network_.heal();
  for (HubProcess& process : hubs_) process.hub->heal();
  for (Process& process : processes_) process.peer->finish();
}

// Nothing moves but beats: producers have all their answers, workers hold nothing, and that for
// longer than any lease or backoff.
bool World::is_at_rest() {
  const bool quiet = std::all_of(hubs_.begin(), hubs_.end(),
                                 [](const HubProcess& process) { return process.hub->is_up(); }) &&
                     std::all_of(processes_.begin(), processes_.end(),
                                 [](const Process& process) { return process.peer->is_at_rest(); });
  if (!quiet) rest_since_ = never;
  if (quiet && rest_since_ == never) rest_since_ = now_;
  return quiet && now_ - rest_since_ > plan_.lease * 4 + 2s;
}

void World::check_without_rest() {
  for (const HubProcess& process : hubs_) {
    for (const auto& [queue, oracle] : process.oracles) oracle->without_rest();
  }
  if (fault().empty()) complaint_ = "it does not come to rest";
}

void World::check_at_rest() {
  for (HubProcess& process : hubs_) {
    for (const auto& [queue, oracle] : process.oracles) {
      oracle->at_rest(process.hub->counters(queue, now_));
    }
    if (const std::size_t left = process.hub->chunks_left(); left != 0 && fault().empty()) {
      complaint_ = "G6 at rest the store still holds " + std::to_string(left) + " chunks";
    }
  }
}

}  // namespace pawl::testing
