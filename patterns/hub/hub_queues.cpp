// SPDX-License-Identifier: Apache-2.0
// Queues by their names: found, or made at first use with the policy that the configuration gives.
#include <algorithm>

#include "core/protocol/names.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {

Queue* HubMachine::find_queue(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &queues_.at(found->second);
}

// Whether the default dead letters of a queue that exists have this name.
bool HubMachine::is_default_dead_letter(std::string_view name) const {
  if (!name.ends_with(protocol::dead_letter_suffix)) return false;
  name.remove_suffix(protocol::dead_letter_suffix.size());
  const auto source = by_name_.find(name);
  return source != by_name_.end() && queues_.at(source->second).policy.dead_letter.empty();
}

bool HubMachine::has_dead_letter_name(std::string_view name) const {
  const auto configured = config_.queues.find(std::string(name));
  const bool named = configured != config_.queues.end() && !configured->second.dead_letter.empty();
  return named || !config_.defaults.dead_letter.empty() || protocol::has_default_dead_letter(name);
}

// Named by the configuration, or the dead letters of one that is.
bool HubMachine::is_configured(std::string_view name) const {
  if (config_.queues.count(std::string(name)) != 0) return true;
  return std::any_of(config_.queues.begin(), config_.queues.end(), [&](const auto& queue) {
    const std::string& dead = queue.second.dead_letter;
    return name == (dead.empty() ? protocol::default_dead_letter(queue.first) : dead);
  });
}

Queue& HubMachine::make_queue(std::string_view name) {
  const auto configured = config_.queues.find(std::string(name));
  const QueuePolicy& policy =
      configured == config_.queues.end() ? config_.defaults : configured->second;
  const LogId id = next_log_++;
  by_name_.emplace(name, id);
  touched_.insert(id);
  Queue& queue = queues_.try_emplace(id, id, std::string(name), policy).first->second;
  queue.is_dead_letter = is_default_dead_letter(name);
  if (!keeps_rows_) queue.group.leave_rows_out();
  return queue;
}

}  // namespace pawl
