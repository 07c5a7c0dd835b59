// SPDX-License-Identifier: Apache-2.0
// How `pawl stat` shows what a hub said of itself: as a line of JSON, or as an aligned table.
#pragma once

#include <string>

#include "devices/pawl/stat_reply.hpp"

namespace pawl::devices {

std::string json_line(const Json& stat);
std::string table_of(const Json& stat);

}  // namespace pawl::devices
