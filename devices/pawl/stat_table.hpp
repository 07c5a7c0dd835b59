// SPDX-License-Identifier: Apache-2.0
// How `pawl stat` shows what a hub said of itself: as a line of JSON, or as an aligned table.
#pragma once

#include <string>
#include <string_view>

#include "devices/pawl/stat_reply.hpp"

namespace pawl::devices {

// A device's words, cut to 128 bytes, without what would steer a terminal or turn its text around.
std::string printable(std::string_view text);

// Everything beyond plain ASCII is escaped.
std::string json_line(const Json& stat);
std::string table_of(const Json& stat);

}  // namespace pawl::devices
