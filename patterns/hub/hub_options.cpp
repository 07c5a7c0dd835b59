// SPDX-License-Identifier: Apache-2.0
#include "patterns/hub/hub_options.hpp"

#include "core/limits.hpp"
#include "core/protocol/names.hpp"

namespace pawl {
namespace {

// Hub time and a span must not overflow, milliseconds::max() included.
constexpr std::chrono::milliseconds span_max{limits::delay_ms_max};

void demand(bool met, const std::string& sentence) {
  if (!met) throw HubError(sentence);
}

std::string ms(std::chrono::milliseconds span) {
  return std::to_string(span.count()) + " ms";
}

void check_timing(const HubTiming& timing) {
  using std::chrono::milliseconds;
  demand(timing.beat >= milliseconds(10),
         "timing.beat is " + ms(timing.beat) + ": at least 10 ms are allowed");
  demand(timing.lease >= 3 * timing.beat, "timing.lease is " + ms(timing.lease) +
                                              ": at least three beats (" + ms(3 * timing.beat) +
                                              ") are allowed");
  demand(timing.lease <= std::chrono::hours(24),
         "timing.lease is " + ms(timing.lease) + ": at most a day is allowed");
  demand(timing.margin >= milliseconds(0) && timing.margin <= std::chrono::hours(24),
         "timing.margin is " + ms(timing.margin) + ": 0 to a day is allowed");
}

void check_policy(const std::string& of, const QueuePolicy& policy) {
  demand(policy.max_attempts >= 1, of + "max_attempts is 0: at least 1 is allowed");
  demand(policy.message_bytes_max >= 1 && policy.message_bytes_max <= limits::body_bytes_max,
         of + "message_bytes_max is " + std::to_string(policy.message_bytes_max) +
             ": 1 to 1048576 are allowed");
  demand(policy.handler_timeout.count() >= 0 && policy.handler_timeout <= span_max,
         of + "handler_timeout is " + ms(policy.handler_timeout) +
             ": up to ten years are allowed, and 0 for no limit");
  demand(policy.backoff.max <= span_max,
         of + "backoff.max is " + ms(policy.backoff.max) + ": up to ten years are allowed");
  demand(policy.backoff.initial.count() >= 0 && policy.backoff.max >= policy.backoff.initial,
         of + "backoff.max must not be less than backoff.initial, nor initial less than 0");
  demand(policy.backoff.factor >= 1.0 && policy.backoff.factor <= 1000.0,
         of + "backoff.factor must be from 1 to 1000");
  demand(policy.backoff.jitter >= 0.0 && policy.backoff.jitter <= 1.0,
         of + "backoff.jitter must be from 0 to 1");
  if (policy.dead_letter.empty()) return;
  const Fault fault = protocol::check_queue_name(policy.dead_letter);
  demand(fault.code == Code::ok, of + "dead_letter: " + fault.text);
}

// A queue that is the dead letters of the defaults may have its own policy: messages rest in it.
void check_dead_letter(const std::string& of, const std::string& name, const QueuePolicy& policy,
                       const QueuePolicy& defaults) {
  demand(policy.dead_letter != name || name == defaults.dead_letter,
         of + "dead_letter must be another queue than its own");
  demand(!policy.dead_letter.empty() || protocol::has_default_dead_letter(name),
         of + "dead_letter is needed: the name has " + std::to_string(name.size()) +
             " characters, and NAME.dead would have more than 128");
}

}  // namespace

void check_hub_options(const HubOptions& options) {
  demand(!options.endpoints.empty(), "endpoints is empty: a hub must be bound somewhere");
  check_timing(options.timing);
  check_policy("defaults: ", options.defaults);
  for (const auto& [name, policy] : options.queues) {
    const Fault fault = protocol::check_queue_name(name);
    demand(fault.code == Code::ok, "queues: " + fault.text);
    check_policy("queue " + name + ": ", policy);
    check_dead_letter("queue " + name + ": ", name, policy, options.defaults);
  }
}

}  // namespace pawl
