// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/buffer.hpp"

namespace pawl::testing {

// What a page of a REPLY to QUERY "stat" counts of this queue, by name; empty if it is not there.
std::map<std::string, std::uint64_t, std::less<>> stat_numbers(Bytes page, std::string_view queue);

}  // namespace pawl::testing
