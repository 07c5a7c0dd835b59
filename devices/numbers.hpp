// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace pawl::devices {

// 1234567 → "1,234,567": counts that a person reads.
std::string with_separators(std::uint64_t number);

}  // namespace pawl::devices
