// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace pawl::devices {

// Tells systemd, where it asked to be told ($NOTIFY_SOCKET): "READY=1", "STOPPING=1". A datagram
// and nothing else; does nothing elsewhere.
void notify_supervisor(std::string_view state);

}  // namespace pawl::devices
