// SPDX-License-Identifier: Apache-2.0
// Faults of our own making: each takes away one thing that a promise stands on, and the oracle must
// see it within a bounded number of seeds. All of them are made at the edges of the machines (the
// rows that they write, the messages that they exchange, the policy that they are given), so that
// the machines themselves are those of production, to the byte.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/store/store.hpp"
#include "core/wire_message.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl::testing {

enum class Mutation : std::uint8_t {
  none,
  // In the store.
  confirm_before_sync,   // durable commits are reported without the sync
  answer_before_commit,  // a commit is reported done before it is written: acks and confirms go out
  settled_before_commit,  // so are those that hold no new messages, and only those
  torn_commits,           // a crash leaves half of a commit
  forget_producers,       // the rows that tell duplicates are not written
  last_sequence_only,     // of what a producer sent only the last number is kept, and all below it
  forget_leases,          // leases are not written
  forget_failures,        // what failed is written as if it had not
  trim_one_more,          // with a chunk that is done the next one is deleted, too
  lose_evacuated,         // what is moved out of a sparse chunk is not written
  half_a_move,            // a message leaves its queue and does not arrive among the dead letters
  keep_chunks,            // chunks that are done stay
  count_one_dead,         // of what was acked one counts as dead
  // On the wire: the hub does not see, or says, what is so.
  forget_give_back,  // what workers give back stays leased
  forget_acks,       // so does what they ack
  acks_come_back,    // some of what they ack counts as given back
  nack_is_ack,       // a nack counts as an ack
  resumed_always,    // a session that the hub does not know is called resumed
  lease_never_ends,  // the hub's leases outlive their workers
  lease_ends_early,  // the hub's leases end before the workers' belief in them
  late_is_done,      // what is said under a lease that has ended is answered as done
  later_first,       // what one DELIVER carries comes in the opposite order
  // In the policy.
  one_attempt_more,  // max_attempts is off by one
  no_backoff,        // what failed is ready at once
  long_backoff,      // what failed is ready a hundred times too late
  takes_too_many,    // max_messages is not looked at
  no_margin,         // a lease ends with its time, though a worker's clock may be slower
  // At the worker.
  believe_longer,  // workers believe in their leases for longer than the hub does
};
inline constexpr std::size_t mutations = 29;  // `none` included
const char* name_of(Mutation mutation);
Mutation mutation_named(const std::string& name);  // none if there is none of that name

// `store` with the mutation before it; null for those that are made elsewhere. `store` must outlive
// it.
std::unique_ptr<Store> mutated_store(Store& store, Mutation mutation);
// What the hub is told to do, which is not what the oracle expects.
HubConfig mutated_config(HubConfig config, Mutation mutation);
// `promised`: what the peers are to be told of leases and beats.
void mutate_to_peer(Mutation mutation, const HubTiming& promised, WireMessage& message);
void mutate_to_hub(Mutation mutation, WireMessage& message);

}  // namespace pawl::testing
