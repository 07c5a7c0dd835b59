// SPDX-License-Identifier: Apache-2.0
// Queues by their names: found, or made at first use with the policy that the configuration gives.
#include "core/protocol/names.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {

Queue* HubMachine::find_queue(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &queues_.at(found->second);
}

bool HubMachine::has_dead_letter_name(std::string_view name) const {
  const auto configured = config_.queues.find(std::string(name));
  const bool named = configured != config_.queues.end() && !configured->second.dead_letter.empty();
  return named || !config_.defaults.dead_letter.empty() || protocol::has_default_dead_letter(name);
}

Queue& HubMachine::make_queue(std::string_view name) {
  const auto configured = config_.queues.find(std::string(name));
  const QueuePolicy& policy =
      configured == config_.queues.end() ? config_.defaults : configured->second;
  const LogId id = next_log_++;
  by_name_.emplace(name, id);
  touched_.insert(id);
  return queues_.try_emplace(id, id, std::string(name), policy).first->second;
}

}  // namespace pawl
