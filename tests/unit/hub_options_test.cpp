// SPDX-License-Identifier: Apache-2.0
#include "patterns/hub/hub_options.hpp"

#include <catch2/catch.hpp>

using pawl::HubError;
using pawl::HubOptions;
using namespace std::chrono_literals;

TEST_CASE("a hub's defaults are allowed") {
  CHECK_NOTHROW(pawl::check_hub_options({}));
}

TEST_CASE("options that would misbehave later are refused at once, by name") {
  const auto refused = [](const std::function<void(HubOptions&)>& spoil) -> std::string {
    HubOptions options;
    spoil(options);
    try {
      pawl::check_hub_options(options);
    } catch (const HubError& error) {
      return error.what();
    }
    return "";
  };
  using Catch::Contains;
  CHECK_THAT(refused([](auto& o) { o.timing.lease = 1s; }), Contains("timing.lease is 1000 ms"));
  CHECK_THAT(refused([](auto& o) { o.timing.beat = 1ms; }), Contains("timing.beat"));
  CHECK_THAT(refused([](auto& o) { o.defaults.max_attempts = 0; }), Contains("max_attempts"));
  CHECK_THAT(refused([](auto& o) { o.defaults.backoff.factor = 0.5; }), Contains("factor"));
  CHECK_THAT(refused([](auto& o) { o.defaults.backoff.jitter = 2; }), Contains("jitter"));
  CHECK_THAT(refused([](auto& o) { o.queues["a b"] = {}; }), Contains("queues"));
  CHECK_THAT(refused([](auto& o) { o.queues["a"].dead_letter = "a"; }), Contains("another queue"));
  CHECK_THAT(refused([](auto& o) { o.queues["a"].message_bytes_max = 0; }),
             Contains("queue a: message_bytes_max is 0"));
  CHECK_THAT(refused([](auto& o) { o.endpoints.clear(); }), Contains("endpoints"));
}
