// SPDX-License-Identifier: Apache-2.0
// What queues may be called: one rule for the hub, the tools and the configuration file.
#pragma once

#include <string>
#include <string_view>

#include "core/codes.hpp"
#include "core/limits.hpp"

namespace pawl::protocol {

// ok for [A-Za-z0-9._-]{1,128}; else a bad_name Fault whose text says what is wrong and what is
// allowed, and never repeats bytes that a terminal could act on. `what` it is the name of: "queue",
// "producer".
Fault check_name(std::string_view what, std::string_view name);
Fault check_queue_name(std::string_view name);

// Where dead messages of a queue go when its policy names no other queue.
inline constexpr std::string_view dead_letter_suffix = ".dead";
inline std::string default_dead_letter(std::string_view name) {
  return std::string(name).append(dead_letter_suffix);
}
inline bool has_default_dead_letter(std::string_view name) {
  return default_dead_letter(name).size() <= limits::name_bytes_max;
}

}  // namespace pawl::protocol
