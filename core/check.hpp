// SPDX-License-Identifier: Apache-2.0
// PAWL_CHECK: an invariant of our own code. On in release builds; a violation ends the process,
// since going on with broken state could lose or repeat messages silently. Never used on what a
// peer sent.
#pragma once

namespace pawl {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define PAWL_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::pawl::check_failed(#condition, __FILE__, __LINE__))
