// SPDX-License-Identifier: Apache-2.0
// Faults of our own making: each deletes one thing that a promise stands on, and the oracle must
// see it.
#pragma once

#include <cstdint>
#include <memory>

#include "core/store/store.hpp"

namespace pawl::testing {

enum class Mutation : std::uint8_t {
  none,
  no_sync,           // durable commits are reported without the sync
  answer_at_once,    // a commit is reported done before it is written: what waited for it goes out
  forget_producers,  // the rows that tell duplicates are not written
  forget_leases,     // leases are not written
  believe_longer,    // workers believe in their leases for longer than the hub does
};

// `store` with the mutation before it; null for those that are made elsewhere. `store` must outlive
// it.
std::unique_ptr<Store> mutated_store(Store& store, Mutation mutation);

}  // namespace pawl::testing
