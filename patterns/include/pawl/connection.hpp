// SPDX-License-Identifier: Apache-2.0
// What producers and workers tell about their connection and their troubles.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <pawl/codes.hpp>

namespace pawl {

enum class ConnectionState : std::uint8_t {
  connecting,  // trying, with a backoff of 50 ms up to 2 s; for ever
  open,        // the hub has opened the queue; after `lost`: connected again
  lost,        // no sign of life; trying again
  refused,     // the hub will not have us: final. Calls throw Refused.
  closed,      // by close()
};

std::string_view name_of(ConnectionState state);  // "connecting", …

struct ConnectionEvent {
  ConnectionState state = ConnectionState::connecting;
  Code code = Code::ok;  // of `refused`
  std::string text{};    // why, for people
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };

// Called on pawl's own threads, so it must be quick, thread-safe and not throw. Empty: warnings and
// errors go to stderr.
using Log = std::function<void(LogLevel level, std::string_view text)>;

}  // namespace pawl
