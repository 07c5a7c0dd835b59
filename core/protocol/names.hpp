// SPDX-License-Identifier: Apache-2.0
// What queues may be called: one rule for the hub, the tools and the configuration file.
#pragma once

#include <string_view>

#include "core/codes.hpp"

namespace pawl::protocol {

// ok for [A-Za-z0-9._-]{1,128}; else a bad_name Fault whose text says what is wrong and what is
// allowed, and never repeats bytes that a terminal could act on.
Fault check_queue_name(std::string_view name);

}  // namespace pawl::protocol
