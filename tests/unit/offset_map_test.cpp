// SPDX-License-Identifier: Apache-2.0
#include "core/offset_map.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "patterns/work_queue/failing_message.hpp"

using namespace pawl;

TEST_CASE("a place in the map that is used again is as new") {
  OffsetMap<FailingMessage> map;
  constexpr std::uint64_t count = 200;  // more than are kept
  for (std::uint64_t offset = 0; offset < count; ++offset) {
    const auto [message, made] = map.try_emplace(offset);
    CHECK(made);
    message.failures = message.deaths = message.handouts = 3;
    message.suspect = true;
    message.due = HubTime{5};
    message.history_dropped = 7;
    message.add(HubTime{1}, FailureKind::nack, "worker", std::string(offset, 'r'));
  }
  for (std::uint64_t offset = 0; offset < count; ++offset) map.erase(offset);
  map.erase(1);  // none
  CHECK(map.empty());
  for (std::uint64_t offset = 1000; offset < 1000 + count; ++offset) {
    const auto [message, made] = map.try_emplace(offset);
    CHECK(made);
    CHECK(message == FailingMessage{});
    message.failures = 1;
    CHECK_FALSE(map.try_emplace(offset).second);
    CHECK(map.at(offset).failures == 1);
  }
  CHECK(map.size() == count);
}
