// SPDX-License-Identifier: Apache-2.0
#include "core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace pawl {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "pawl: invariant violated: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace pawl
