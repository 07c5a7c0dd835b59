// SPDX-License-Identifier: Apache-2.0
// How many descriptors this process may have open, by its soft limit (RLIMIT_NOFILE).
#pragma once

#include <cstdint>

namespace pawl {

// Raises it to `count`, or to all that is allowed if that is less. False if it is below `count`
// after that.
bool raise_descriptor_limit(std::uint64_t count);
// To all that is allowed. False: the old limit stands.
bool raise_descriptor_limit();

}  // namespace pawl
