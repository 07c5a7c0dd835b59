// SPDX-License-Identifier: Apache-2.0
// What a hub stands on that is nobody's to choose: its store, its clock, the machine that it runs
// on. Empty members, as in production, are the real ones; pawl::testing hands in its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/store/store.hpp"
#include "core/time.hpp"

namespace pawl {

class HubMachine;

struct HubGround {
  std::unique_ptr<Store> store{};  // in place of what the options name
  std::string machine_boot{};      // the kernel's boot id
  // By how much hub time runs ahead, never less than before: retries and delays come due sooner.
  // Monotonic time, with leases and beats, does not take part. Called at every reading of the
  // clocks.
  std::function<Duration()> ahead{};
  // Looks on, on the hub's thread: at the end of a turn, before peers are told anything of it.
  std::function<void(const HubMachine&, Now)> on_turn{};
};

}  // namespace pawl
