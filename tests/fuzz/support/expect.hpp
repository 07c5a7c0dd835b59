// SPDX-License-Identifier: Apache-2.0
// EXPECT: what a target asserts, beside the sanitizers and the checks in the code itself. It prints
// the condition and aborts, which libFuzzer takes for a finding.
#pragma once

#include <cstdio>
#include <cstdlib>

#define EXPECT(condition)                                                                      \
  ((condition) ? static_cast<void>(0)                                                          \
               : (static_cast<void>(std::fprintf(stderr, "expected: %s (%s:%d)\n", #condition, \
                                                 __FILE__, __LINE__)),                         \
                  std::abort()))
