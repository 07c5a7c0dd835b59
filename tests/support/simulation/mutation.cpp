// SPDX-License-Identifier: Apache-2.0
// The mutations of the wire and of the policy; those of the store are in mutation_store.cpp.
#include "tests/support/simulation/mutation.hpp"

#include <algorithm>
#include <array>

#include "core/protocol/codec.hpp"
#include "core/protocol/deliver_chunks.hpp"

namespace pawl::testing {
namespace {

constexpr std::array<const char*, mutations> names{"none",
                                                   "confirm_before_sync",
                                                   "answer_before_commit",
                                                   "settled_before_commit",
                                                   "torn_commits",
                                                   "forget_producers",
                                                   "last_sequence_only",
                                                   "forget_leases",
                                                   "forget_failures",
                                                   "trim_one_more",
                                                   "lose_evacuated",
                                                   "half_a_move",
                                                   "keep_chunks",
                                                   "count_one_dead",
                                                   "forget_give_back",
                                                   "forget_acks",
                                                   "acks_come_back",
                                                   "nack_is_ack",
                                                   "resumed_always",
                                                   "lease_never_ends",
                                                   "lease_ends_early",
                                                   "late_is_done",
                                                   "later_first",
                                                   "one_attempt_more",
                                                   "no_backoff",
                                                   "long_backoff",
                                                   "takes_too_many",
                                                   "no_margin",
                                                   "believe_longer"};

template <class Is>
void replace_verb(WireMessage& message, Is is, protocol::Verb to) {
  const auto decoded = protocol::decode(message.header);
  const auto* settle = decoded ? std::get_if<protocol::Settle>(&*decoded) : nullptr;
  if (settle == nullptr) return;
  protocol::Settle changed = *settle;
  for (protocol::Settle::Row& row : changed.rows) {
    if (!is(row)) continue;
    row.verb = to;
    row.delay_ms.reset();
    row.reason = {};
  }
  message.header = protocol::encode(changed);
}

template <class Change>
void change_welcome(WireMessage& message, Change change) {
  const auto decoded = protocol::decode(message.header);
  const auto* welcome = decoded ? std::get_if<protocol::Welcome>(&*decoded) : nullptr;
  if (welcome == nullptr) return;
  protocol::Welcome changed = *welcome;
  change(changed);
  message.header = protocol::encode(changed);
}

void leave_out_exceptions(WireMessage& message) {
  const auto decoded = protocol::decode(message.header);
  const auto* settled = decoded ? std::get_if<protocol::Settled>(&*decoded) : nullptr;
  if (settled == nullptr) return;
  protocol::Settled changed = *settled;
  changed.exceptions.clear();
  message.header = protocol::encode(changed);
}

void turn_round(WireMessage& message) {
  const auto decoded = protocol::decode(message.header);
  const auto* deliver = decoded ? std::get_if<protocol::Deliver>(&*decoded) : nullptr;
  if (deliver == nullptr) return;
  protocol::Deliver changed = *deliver;
  std::vector<Slice> chunks;
  protocol::each_chunk(*deliver, message.frames, limits::body_bytes_max,
                       [&](const auto&, Slice chunk, const Fault&) { chunks.push_back(chunk); });
  for (auto& row : changed.rows) row.flags &= ~protocol::deliver_flags::with_previous;
  std::reverse(changed.rows.begin(), changed.rows.end());
  std::reverse(chunks.begin(), chunks.end());
  message.frames = std::move(chunks);
  message.header = protocol::encode(changed);
}

}  // namespace

const char* name_of(Mutation mutation) {
  return names.at(static_cast<std::size_t>(mutation));
}

Mutation mutation_named(const std::string& name) {
  for (std::size_t i = 0; i < mutations; ++i) {
    if (name == names[i]) return static_cast<Mutation>(i);
  }
  return Mutation::none;
}

HubConfig mutated_config(HubConfig config, Mutation mutation) {
  if (mutation == Mutation::lease_never_ends) config.timing.lease *= 10'000;
  if (mutation == Mutation::lease_ends_early) config.timing.lease = config.timing.lease * 3 / 5;
  if (mutation == Mutation::no_margin) config.timing.margin = {};
  for (auto& [name, policy] : config.queues) {
    if (mutation == Mutation::one_attempt_more) ++policy.max_attempts;
    if (mutation == Mutation::takes_too_many) policy.max_messages = 0;
    if (mutation == Mutation::long_backoff) {
      policy.backoff.max *= 100;
      policy.backoff.initial = policy.backoff.max;
    }
    if (mutation == Mutation::no_backoff) policy.backoff.initial = policy.backoff.max = {};
  }
  return config;
}

void mutate_to_peer(Mutation mutation, const HubTiming& promised, WireMessage& message) {
  if (mutation == Mutation::resumed_always) {
    change_welcome(message, [](protocol::Welcome& welcome) { welcome.resumed = true; });
  }
  if (mutation == Mutation::later_first) turn_round(message);
  if (mutation == Mutation::late_is_done) leave_out_exceptions(message);
  if (mutation == Mutation::lease_never_ends || mutation == Mutation::lease_ends_early) {
    change_welcome(message, [&](protocol::Welcome& welcome) {
      welcome.lease_ms = static_cast<std::uint32_t>(promised.lease.count());
    });
  }
}

void mutate_to_hub(Mutation mutation, WireMessage& message) {
  using protocol::Verb;
  const auto every = [](Verb verb) {
    return [verb](const protocol::Settle::Row& row) { return row.verb == verb; };
  };
  const auto some_acks = [](const protocol::Settle::Row& row) {
    return row.verb == Verb::ack && row.offset % 16 == 0;
  };
  if (mutation == Mutation::forget_give_back) {
    replace_verb(message, every(Verb::give_back), Verb::extend);
  }
  if (mutation == Mutation::forget_acks) replace_verb(message, every(Verb::ack), Verb::extend);
  if (mutation == Mutation::acks_come_back) replace_verb(message, some_acks, Verb::give_back);
  if (mutation == Mutation::nack_is_ack) replace_verb(message, every(Verb::nack), Verb::ack);
}

}  // namespace pawl::testing
