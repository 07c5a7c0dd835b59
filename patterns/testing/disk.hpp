// SPDX-License-Identifier: Apache-2.0
// Disk: the FaultyStore of a hub that dies and comes again. The hub's thread uses it through a
// mount, while others spoil it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "patterns/testing/faulty_store.hpp"

namespace pawl::testing {

class Disk {
 public:
  explicit Disk(std::uint64_t seed) : store_(FaultyStoreOptions{.seed = seed}) {}

  // As a hub opens it; not to be used once this is gone.
  std::unique_ptr<Store> mount();

  // Any thread: `act(FaultyStore&)`, while nobody else does.
  template <class Act>
  auto with(Act act) {
    const std::lock_guard lock(mutex_);
    return act(store_);
  }

 private:
  std::mutex mutex_;
  FaultyStore store_;
};

}  // namespace pawl::testing
