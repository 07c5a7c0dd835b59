// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/shrink.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <sstream>
#include <utility>

namespace pawl::testing {
namespace {

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

// "P0o0:17" in what the oracle complains about: the first message that it names.
std::string message_in(const std::string& complaint) {
  std::istringstream words(complaint);
  for (std::string word; words >> word;) {
    while (!word.empty() && (word.back() == ',' || word.back() == ':')) word.pop_back();
    const bool of_producer = word.starts_with('P') || word.starts_with('A');
    if (of_producer && word.find(':') != std::string::npos) return word;
  }
  return {};
}

class Shrinker {
 public:
  Shrinker(const SimulationOptions& options, std::size_t runs_max)
      : options_(options), plan_(plan_of(options.seed)), kept_(all_of(plan_)), runs_max_(runs_max) {
    options_.verbose = false;
  }

  Shrunk run() {
    SimulationOptions replayed = options_;
    find_quickly();
    for (Kept before; before != kept_ && runs_ < runs_max_;) {
      before = kept_;
      drop_faults();
      drop_peers();
      give_fewer();
    }
    if (replayed.watched.empty()) replayed.watched = message_in(result_.fault);
    SimulationResult last = simulate(reduced(plan_, kept_), replayed);
    return {kept_, replayed, last.fault.empty() ? result_ : std::move(last)};
  }

 private:
  // Looking at every turn makes a run ten times as slow, and is seldom what finds the fault.
  void find_quickly() {
    const SimulationOptions thorough = options_;
    options_.check_every = 64;
    options_.reload_every = 256;
    result_ = simulate(plan_, options_);
    if (!result_.fault.empty()) return;
    options_ = thorough;
    result_ = simulate(plan_, options_);
  }

  bool still_fails(const Kept& fewer) {
    if (runs_ >= runs_max_) return false;
    ++runs_;
    SimulationResult shorter = simulate(reduced(plan_, fewer), options_);
    if (shorter.fault.empty()) return false;
    if (first_word(shorter.fault) != first_word(result_.fault)) return false;
    kept_ = fewer;
    result_ = std::move(shorter);
    return true;
  }

  // The last ones first: what is left then happens early.
  void drop_faults() {
    for (std::size_t part = (kept_.faults.size() + 1) / 2; part > 0;) {
      bool is_smaller = false;
      for (std::size_t end = kept_.faults.size(); end > 0;) {
        const std::size_t begin = end - std::min(end, part);
        Kept fewer = kept_;
        const auto at = [&](std::size_t i) {
          return fewer.faults.begin() + static_cast<std::ptrdiff_t>(i);
        };
        fewer.faults.erase(at(begin), at(end));
        is_smaller = still_fails(fewer) || is_smaller;
        end = begin;
      }
      if (part == 1 && !is_smaller) return;
      part = part == 1 ? 1 : (part + 1) / 2;
    }
  }

  void drop_peers() {
    using Of = std::function<std::string(const PlannedPeer&)>;
    const Of hub = [](const PlannedPeer& peer) { return std::to_string(peer.hub); };
    const Of queue = [](const PlannedPeer& peer) { return queue_of(peer); };
    const Of name = [](const PlannedPeer& peer) { return peer.name; };
    for (const Of& part_of : {hub, queue, name}) {
      std::set<std::string> parts;
      for (const PlannedPeer& peer : plan_.peers) parts.insert(part_of(peer));
      for (const std::string& part : parts) {
        Kept fewer = kept_;
        fewer.peers.clear();
        for (const PlannedPeer& peer : reduced(plan_, kept_).peers) {
          if (part_of(peer) != part) fewer.peers.push_back(peer.name);
        }
        if (fewer.peers.size() < kept_.peers.size() && is_whole(fewer)) still_fails(fewer);
      }
    }
  }

  static std::string queue_of(const PlannedPeer& peer) {
    return std::to_string(peer.hub) + peer.queue.substr(0, peer.queue.find('.'));
  }

  // A queue without workers, or whose dead letters nobody fetches, breaks a promise of its own.
  bool is_whole(const Kept& kept) const {
    std::set<std::pair<std::string, PeerRole>> roles;
    std::set<std::string> queues;
    for (const PlannedPeer& peer : reduced(plan_, kept).peers) {
      queues.insert(queue_of(peer));
      roles.emplace(queue_of(peer), peer.role);
    }
    return !queues.empty() && roles.size() == 3 * queues.size();
  }

  void give_fewer() {
    for (const std::uint64_t quarters : {1, 2, 3}) {
      for (Kept fewer = kept_; fewer.messages > 1; fewer = kept_) {
        fewer.messages = fewer.messages * quarters / 4;
        if (!still_fails(fewer)) break;
      }
    }
  }

  SimulationOptions options_;
  Plan plan_;
  Kept kept_;
  SimulationResult result_;
  std::size_t runs_ = 0, runs_max_;
};

template <class Parts>
std::string joined(const Parts& parts) {
  std::ostringstream text;
  for (const auto& part : parts) text << (text.tellp() > 0 ? "," : "") << part;
  return text.tellp() > 0 ? text.str() : "none";
}

}  // namespace

Kept all_of(const Plan& plan) {
  Kept all;
  for (const PlannedFault& fault : plan.faults) all.faults.push_back(fault.number);
  for (const PlannedPeer& peer : plan.peers) {
    all.peers.push_back(peer.name);
    all.messages = std::max(all.messages, peer.messages_max);
  }
  return all;
}

Plan reduced(const Plan& plan, const Kept& kept) {
  Plan less = plan;
  less.peers.clear();
  less.faults.clear();
  std::vector<std::size_t> index(plan.peers.size());
  for (std::size_t i = 0; i < plan.peers.size(); ++i) {
    if (std::count(kept.peers.begin(), kept.peers.end(), plan.peers[i].name) == 0) continue;
    less.peers.push_back(plan.peers[i]);
    less.peers.back().messages_max = kept.messages;
    index[i] = less.peers.size();
  }
  for (PlannedFault fault : plan.faults) {
    if (std::count(kept.faults.begin(), kept.faults.end(), fault.number) == 0) continue;
    if (!is_of_hub(fault.kind)) {
      if (index[fault.target] == 0) continue;
      fault.target = index[fault.target] - 1;
    }
    less.faults.push_back(fault);
  }
  return less;
}

std::string read_faults(const std::string& text, const Plan& plan, Kept& kept) {
  kept.faults.clear();
  std::istringstream parts(text == "none" ? "" : text);
  for (std::string part; std::getline(parts, part, ',');) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || *end != '\0') {
      return "--faults: \"" + part + "\" is no number; write numbers with commas, or none";
    }
    if (number >= plan.faults.size()) {
      return "--faults: there is no fault " + part + " in this seed's plan, which has " +
             std::to_string(plan.faults.size()) + ", numbered from 0";
    }
    kept.faults.push_back(number);
  }
  return {};
}

std::string read_peers(const std::string& text, const Plan& plan, Kept& kept) {
  kept.peers.clear();
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const bool is_planned = std::any_of(plan.peers.begin(), plan.peers.end(),
                                        [&](const PlannedPeer& peer) { return peer.name == part; });
    if (!is_planned) return "--peers: there is no " + part + " in this plan: " + describe(plan);
    kept.peers.push_back(part);
  }
  return {};
}

Shrunk shrink(const SimulationOptions& options, std::size_t runs_max) {
  return Shrinker(options, runs_max).run();
}

std::string replay_command(const SimulationOptions& options) {
  std::string command =
      "build/release/tests/pawl_simulation --seed " + std::to_string(options.seed);
  if (options.mutation != Mutation::none) {
    command += std::string(" --mutation ") + name_of(options.mutation);
  }
  if (!options.watched.empty()) command += " --watch " + options.watched;
  return command;
}

std::string replay_command(const SimulationOptions& options, const Kept& kept) {
  const Kept all = all_of(plan_of(options.seed));
  std::string command = replay_command(options);
  if (kept.faults != all.faults) command += " --faults " + joined(kept.faults);
  if (kept.peers != all.peers) command += " --peers " + joined(kept.peers);
  if (kept.messages != all.messages) command += " --messages " + std::to_string(kept.messages);
  return command;
}

}  // namespace pawl::testing
