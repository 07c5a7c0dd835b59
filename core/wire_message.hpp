// SPDX-License-Identifier: Apache-2.0
// One ZeroMQ message without its routing id: what machines put out and shells send.
#pragma once

#include <string>
#include <vector>

#include "core/buffer.hpp"

namespace pawl {

struct WireMessage {
  std::vector<std::byte> header;
  std::vector<Slice> frames;
};

// What a ROUTER received or is to send. The routing id stands for a connection only: it is never
// shown, logged or trusted.
struct RoutedMessage {
  std::string routing_id;
  WireMessage message;
};

}  // namespace pawl
