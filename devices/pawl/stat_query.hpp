// SPDX-License-Identifier: Apache-2.0
// Asks a hub how its queues are: HELLO, QUERY "stat", as many pages as there are, BYE.
#pragma once

#include <chrono>
#include <string>

#include "core/result.hpp"
#include "devices/pawl/stat_reply.hpp"

namespace pawl::devices {

// {"device": {…}, "queues": [{…}, …]} as the hub gave it, or why there is none by the deadline.
Result<Json> query_stat(const std::string& endpoint, std::chrono::milliseconds deadline);

// Whether its disk has no room for another message.
Result<bool> query_without_space(const std::string& endpoint, std::chrono::milliseconds deadline);

}  // namespace pawl::devices
