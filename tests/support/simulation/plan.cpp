// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/plan.hpp"

#include <algorithm>
#include <cmath>

#include "core/limits.hpp"
#include "core/random.hpp"

namespace pawl::testing {
namespace {

using namespace std::chrono_literals;

struct KindAbout {
  const char* name;
  bool of_hub;
  std::uint64_t weight;  // how often, among all
};
constexpr std::array<KindAbout, fault_kinds> kinds{{
    {"the hub is killed", true, 6},
    {"the hub's machine loses its power", true, 4},
    {"the hub is stopped", true, 3},
    {"the hub is restarted", true, 2},
    {"the wall clock jumps", true, 1},
    {"a commit fails", true, 3},
    {"a sync fails", true, 1},
    {"a read fails", true, 1},
    {"the disk is at its reserve", true, 1},
    {"the disk is full", true, 1},
    {"the disk is slow", true, 2},
    {"loses its connection", false, 6},
    {"replaces its socket", false, 4},
    {"cannot reach the hub", false, 3},
    {"cannot be reached", false, 3},
    {"is partitioned", false, 4},
    {"has a slow network", false, 3},
    {"is killed", false, 10},
    {"is stopped", false, 5},
    {"leaves", false, 2},
}};

const KindAbout& about(FaultKind kind) {
  return kinds.at(static_cast<std::size_t>(kind));
}

class Planner {
 public:
  explicit Planner(std::uint64_t seed) : random_(seed * 7919 + 17), late_random_(seed * 6007 + 5) {
    plan_.seed = seed;
  }

  Plan make() {
    // Mostly near what people use; up to an hour, so that what happens seldom by the clock (sweeps,
    // prunes) happens too. Rows of producers that were idle for a week are not among that: no run
    // lasts so long, and a shorter age would be a promise less (G5) for those that come back late.
    const double exponent = chance(3) ? 2.0 + fraction() * 2.08 : fraction() * 1.5;
    plan_.lease = std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::duration<double, std::milli>(300.0 * std::pow(10.0, exponent)));
    plan_.faults_for = plan_.lease * 12;
    plan_.heals_for = plan_.lease * 1000 + 600s;
    const std::size_t hubs = chance(5) ? 2 : 1;
    for (std::size_t hub = 0; hub < hubs; ++hub) add_hub(hub);
    add_faults();
    for (PlannedHub& hub : plan_.hubs) hub.is_in_memory = late_random_.below(6) == 0;
    for (PlannedPeer& peer : plan_.peers) peer.clock_ppm = drift();
    return std::move(plan_);
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
  double fraction() { return static_cast<double>(below(1'000'000)) / 1e6; }
  Duration leases(double least, double most) {
    const double times = least + fraction() * (most - least);
    return std::chrono::duration_cast<Duration>(plan_.lease * times);
  }
  std::chrono::milliseconds whole(Duration span) {
    return std::chrono::ceil<std::chrono::milliseconds>(span);
  }

  // The margin is a twentieth of a lease: a worker whose clock is slower by nearly as much believes
  // in its leases for as long as it may.
  std::int64_t drift() {
    constexpr std::int64_t most = 45'000;
    const std::uint64_t kind = late_random_.below(3);
    if (kind < 2) return kind == 0 ? -most : most;
    return static_cast<std::int64_t>(late_random_.below(2 * most + 1)) - most;
  }

  QueuePolicy policy() {
    QueuePolicy policy;
    policy.max_attempts = static_cast<std::uint32_t>(1 + below(4));
    policy.message_bytes_max = 64;
    policy.handler_timeout = whole(chance(3) ? leases(0.5, 1.0) : leases(20, 30));
    policy.backoff = {whole(leases(0.02, 0.1)), 2.0, whole(leases(0.5, 1.0)), 0.2};
    if (!chance(3)) return policy;
    policy.max_messages = 10 + below(40);
    policy.overflow = static_cast<Overflow>(below(3));
    return policy;
  }

  void add_hub(std::size_t hub) {
    PlannedHub& planned = plan_.hubs.emplace_back();
    HubConfig& config = planned.config;
    config.timing = {whole(plan_.lease), whole(plan_.lease / 5), whole(plan_.lease / 20)};
    config.seed = random_.next();
    if (late_random_.below(3) == 0) planned.staged_bytes_max = 200 + late_random_.below(4000);
    const std::size_t queues = chance(3) ? 2 : 1;
    for (std::size_t i = 0; i < queues; ++i) {
      const std::string name = i == 0 ? "orders" : "mail";
      planned.queues.push_back({name, policy()});
      config.queues[name] = planned.queues.back().policy;
      // The undertaker dies often, too: a dead letter that rests in place would never be found.
      QueuePolicy& dead = config.queues[name + ".dead"] = planned.queues.back().policy;
      dead.max_attempts = dead.handouts_max = 1'000'000;
      dead.max_messages = 0;
      dead.message_bytes_max = limits::body_bytes_max;
      dead.handler_timeout = {};
      add_peers(hub, name);
    }
  }

  void add_peers(std::size_t hub, const std::string& queue) {
    const std::string place = std::to_string(hub) + queue.substr(0, 1);
    const std::size_t producers = 1 + below(2), workers = 1 + below(3);
    for (std::size_t i = 0; i < producers; ++i) {
      PlannedPeer& peer = add_peer(PeerRole::producer, hub, queue);
      peer.anonymous = i == 1 || chance(4);
      peer.name = (peer.anonymous ? "A" : "P") + place + std::to_string(i);
      peer.oversizes = !peer.anonymous && chance(2);
      peer.gives_up = chance(2);
      peer.gives_every = leases(0.02, 0.1);
    }
    for (std::size_t i = 0; i < workers; ++i) {
      PlannedPeer& peer = add_peer(PeerRole::worker, hub, queue);
      peer.name = "W" + place + std::to_string(i);
      peer.prefetch = static_cast<std::uint32_t>(1 + below(chance(3) ? 200 : 16));
      peer.slots = static_cast<std::uint32_t>(1 + below(8));
      peer.batch = static_cast<std::uint32_t>(1 + below(peer.slots));
      peer.works_for = leases(0.002, 0.03);
      peer.is_patient = peer.seed % 3 == 0;
    }
    PlannedPeer& undertaker = add_peer(PeerRole::undertaker, hub, queue + ".dead");
    undertaker.name = "U" + place;
    undertaker.works_for = leases(0.001, 0.005);
  }

  PlannedPeer& add_peer(PeerRole role, std::size_t hub, const std::string& queue) {
    PlannedPeer& peer = plan_.peers.emplace_back();
    peer.role = role;
    peer.hub = hub;
    peer.queue = queue;
    peer.seed = random_.next();
    return peer;
  }

  void add_faults() {
    if (chance(12)) return;  // nothing goes wrong: then order is strict, and nothing comes twice
    std::uint64_t weights = 0;
    for (const KindAbout& kind : kinds) weights += kind.weight;
    const Duration gap = leases(0.05, 0.6);
    const Instant end = Instant{1s} + plan_.faults_for;
    for (Instant at = Instant{1s} + gap; at < end;) {
      std::uint64_t draw = below(weights);
      std::size_t kind = 0;
      while (draw >= kinds[kind].weight) draw -= kinds[kind++].weight;
      PlannedFault fault{
          plan_.faults.size(), at, static_cast<FaultKind>(kind), 0, leases(0.01, 0.6),
          random_.next()};
      if (chance(6)) fault.lasts = leases(0.9, 2.5);  // longer than a lease
      fault.target = below(kinds[kind].of_hub ? plan_.hubs.size() : plan_.peers.size());
      plan_.faults.push_back(fault);
      at += Duration(
          static_cast<std::int64_t>(below(static_cast<std::uint64_t>(2 * gap.count())) + 1));
    }
  }

  Random random_;
  Random late_random_;  // for what came later than the rest, whose seeds are to stay what they are
  Plan plan_;
};

}  // namespace

const char* name_of(FaultKind kind) {
  return about(kind).name;
}
bool is_of_hub(FaultKind kind) {
  return about(kind).of_hub;
}

bool Plan::wall_jumps() const {
  return std::any_of(faults.begin(), faults.end(), [](const PlannedFault& fault) {
    return fault.kind == FaultKind::wall_clock_jumps;
  });
}

Plan plan_of(std::uint64_t seed) {
  return Planner(seed).make();
}

std::string describe(const Plan& plan) {
  std::string text = "lease " + std::to_string(plan.lease.count() / 1000) + " ms, " +
                     std::to_string(plan.hubs.size()) + " hubs, " +
                     std::to_string(plan.faults.size()) + " faults; peers";
  for (const PlannedPeer& peer : plan.peers) text += ' ' + peer.name;
  return text;
}

std::string describe(const Plan& plan, const PlannedFault& fault) {
  const std::string who = is_of_hub(fault.kind)
                              ? (plan.hubs.size() > 1 ? name_of_hub(plan, fault.target) + ": " : "")
                              : plan.peers.at(fault.target).name + ' ';
  return "fault " + std::to_string(fault.number) + ": " + who + name_of(fault.kind) + " (" +
         std::to_string(fault.lasts.count() / 1000) + " ms)";
}

std::string name_of_hub(const Plan& plan, std::size_t hub) {
  return plan.hubs.size() > 1 ? "hub " + std::to_string(hub) : "the hub";
}

}  // namespace pawl::testing
