// SPDX-License-Identifier: Apache-2.0
// Calling handlers, and what their return or throw means.
#pragma once

#include <memory>

#include <pawl/worker.hpp>

#include "patterns/peer/bench.hpp"

namespace pawl::peer {

// Each runs on the calling thread and options().threads − 1 others until the bench has ended.
RunEnd run_singly(std::shared_ptr<Bench> bench, const Handler& handler);
RunEnd run_singly(std::shared_ptr<Bench> bench, const DecidingHandler& handler);
RunEnd run_batches(std::shared_ptr<Bench> bench, const BatchHandler& handler);

// Calls the handler on a pulled delivery and settles it.
void handle(Delivery& delivery, const Handler& handler);
void handle(Delivery& delivery, const DecidingHandler& handler);

}  // namespace pawl::peer
