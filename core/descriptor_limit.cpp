// SPDX-License-Identifier: Apache-2.0
#include "core/descriptor_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace pawl {

bool raise_descriptor_limit(std::uint64_t count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= count) return true;
  limit.rlim_cur = std::min<rlim_t>(count, limit.rlim_max);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= count;
}

bool raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  return raise_descriptor_limit(limit.rlim_max);
}

}  // namespace pawl
