// SPDX-License-Identifier: Apache-2.0
// GCC 12 sees a copy of half the address space in std::string's assignment of a literal (its bug
// 105329); there is none.
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#include "patterns/hub/hub_options.hpp"

#include <catch2/catch.hpp>

using pawl::HubError;
using pawl::HubOptions;
using namespace std::chrono_literals;

TEST_CASE("a hub's defaults are allowed") {
  CHECK_NOTHROW(pawl::check_hub_options({}));
}

TEST_CASE("options that would misbehave later are refused at once, by name") {
  const auto check = [](void (*spoil)(HubOptions&), const char* sentence) {
    HubOptions options;
    spoil(options);
    CHECK_THROWS_WITH(pawl::check_hub_options(options), Catch::Contains(sentence));
  };
  check([](HubOptions& o) { o.timing.lease = 1s; }, "timing.lease is 1000 ms");
  check([](HubOptions& o) { o.timing.beat = 1ms; }, "timing.beat");
  check([](HubOptions& o) { o.defaults.max_attempts = 0; }, "max_attempts");
  check([](HubOptions& o) { o.defaults.backoff.factor = 0.5; }, "factor");
  check([](HubOptions& o) { o.defaults.backoff.jitter = 2; }, "jitter");
  check([](HubOptions& o) { o.queues["a b"] = {}; }, "queues");
  check([](HubOptions& o) { o.queues["a"].dead_letter = "a"; }, "another queue");
  check([](HubOptions& o) { o.queues[std::string(124, 'n')] = {}; },
        "dead_letter is needed: the name has 124 characters");
  check([](HubOptions& o) { o.queues["a"].message_bytes_max = 0; },
        "queue a: message_bytes_max is 0");
  check([](HubOptions& o) { o.endpoints.clear(); }, "endpoints");
  // The natural "never" of C++, which would overflow.
  using std::chrono::milliseconds;
  check([](HubOptions& o) { o.defaults.handler_timeout = milliseconds::max(); },
        "handler_timeout is 9223372036854775807 ms: up to ten years are allowed, and 0 for no "
        "limit");
  check([](HubOptions& o) { o.defaults.backoff.max = milliseconds::max(); }, "backoff.max is");
  check([](HubOptions& o) { o.timing.margin = milliseconds::max(); }, "timing.margin is");
}

TEST_CASE("the dead letters of the defaults may have a policy of their own") {
  HubOptions options;
  options.defaults.dead_letter = "dead";
  options.queues["dead"] = options.defaults;
  options.queues["dead"].max_attempts = 1;
  CHECK_NOTHROW(pawl::check_hub_options(options));
}
