// SPDX-License-Identifier: Apache-2.0
#include "devices/config.hpp"

#include <catch2/catch.hpp>

#include "devices/duration.hpp"

using namespace std::chrono_literals;
using pawl::devices::ConfigError;
using pawl::devices::parse_duration;
using pawl::devices::parse_size;
using pawl::devices::read_config;

namespace {

pawl::HubOptions read(std::string_view text) {
  pawl::HubOptions options;
  read_config(text, "pawl.toml", options);
  return options;
}

std::string refusal(std::string_view text) {
  try {
    read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the configuration of the manual is read as it says") {
  const auto options = read(R"(
[hub]
lease = "10s"
beat = "2s"
margin = "250ms"
[defaults]
max_attempts = 7
[queue.orders]
max_attempts = 3
backoff = { initial = "50ms", factor = 2.0, max = "1s", jitter = 0.1 }
dead_letter = "orders.dead"
max_messages = 1000
max_bytes = "64MiB"
overflow = "refuse"
message_bytes_max = "64KiB"
handler_timeout = "5m"
handouts_max = 9
)");
  CHECK(options.timing.lease == 10s);
  CHECK(options.timing.beat == 2s);
  CHECK(options.timing.margin == 250ms);
  CHECK(options.defaults.max_attempts == 7);
  REQUIRE(options.queues.count("orders") == 1);
  const pawl::QueuePolicy& orders = options.queues.at("orders");
  CHECK(orders.max_attempts == 3);
  CHECK(orders.backoff == pawl::Backoff{50ms, 2.0, 1s, 0.1});
  CHECK(orders.dead_letter == "orders.dead");
  CHECK(orders.max_messages == 1000);
  CHECK(orders.max_bytes == 64 * 1024 * 1024);
  CHECK(orders.overflow == pawl::Overflow::refuse);
  CHECK(orders.message_bytes_max == 64 * 1024);
  CHECK(orders.handler_timeout == 5min);
  CHECK(orders.handouts_max == 9);
}

TEST_CASE("a queue takes what it leaves out from the defaults, wherever they stand in the file") {
  const auto options = read(R"(
[queue.orders]
max_attempts = 3
[queue."a.b"]
[defaults]
max_attempts = 9
overflow = "drop_oldest"
)");
  CHECK(options.queues.at("orders").overflow == pawl::Overflow::drop_oldest);
  CHECK(options.queues.at("orders").max_attempts == 3);
  CHECK(options.queues.at("a.b").max_attempts == 9);
}

TEST_CASE("an unknown key is refused with file, line, key and what is known") {
  CHECK(refusal("[hub]\nlease = \"10s\"\nlaese = \"1s\"\n") ==
        "pawl.toml:3: hub.laese: unknown key; known here are lease, beat, margin, "
        "memory_bytes_max, resident_bytes_max");
  CHECK(refusal("[queues.orders]\n") ==
        "pawl.toml:1: queues: unknown key; known here are hub, defaults, queue");
  CHECK(refusal("[queue.q]\nbackoff = { first = \"1s\" }\n") ==
        "pawl.toml:2: queue.q.backoff.first: unknown key; known here are initial, factor, max, "
        "jitter");
}

TEST_CASE("a wrong type or a bad value is refused with what is allowed") {
  CHECK(refusal("[defaults]\nmax_attempts = \"5\"\n") ==
        "pawl.toml:2: defaults.max_attempts: expected a whole number");
  CHECK(refusal("[defaults]\nmax_attempts = 0\n") ==
        "pawl.toml:2: defaults.max_attempts: allowed is 1 to 1000000");
  CHECK(refusal("[defaults]\nmax_attempts = -1\n") ==
        "pawl.toml:2: defaults.max_attempts: allowed is 1 to 1000000");
  CHECK(refusal("[hub]\nlease = 10\n") ==
        "pawl.toml:2: hub.lease: expected a span like \"50ms\", \"10s\", \"5m\" or \"2h\"");
  CHECK(refusal("[hub]\nbeat = \"1ms\"\n") == "pawl.toml:2: hub.beat: allowed is 10ms to 20m");
  CHECK(refusal("[hub]\nbeat = \"5s\"\n") == "pawl.toml:2: hub.lease: must be at least 3 beats");
  CHECK(refusal("[queue.q]\noverflow = \"drop\"\n") ==
        "pawl.toml:2: queue.q.overflow: expected \"hold_back\", \"refuse\" or \"drop_oldest\"");
  CHECK(refusal("[queue.q]\nbackoff = { jitter = 1.5 }\n") ==
        "pawl.toml:2: queue.q.backoff.jitter: allowed is 0 to 1");
  CHECK(refusal("[queue.q]\nmessage_bytes_max = \"2MiB\"\n") ==
        "pawl.toml:2: queue.q.message_bytes_max: allowed is 1 to 1048576");
  CHECK(refusal("[queue.\"a b\"]\n") ==
        "pawl.toml:1: queue.a b: a queue's name is 1 to 128 of A-Z a-z 0-9 . _ -");
  CHECK(refusal("[queue.q]\ndead_letter = \"q\"\n") ==
        "pawl.toml:1: queue.q: dead_letter must name another queue");
  CHECK(refusal("hub = 3\n") == "pawl.toml:1: hub: expected a table");
  CHECK(refusal("queue.q = 3\n") == "pawl.toml:1: queue.q: expected a table");
}

TEST_CASE("a file that is no TOML is refused with its line") {
  CHECK(refusal("[hub]\nlease = \n").rfind("pawl.toml:2: ", 0) == 0);
}

TEST_CASE("a file that is not there is refused with its name") {
  pawl::HubOptions options;
  CHECK_THROWS_WITH(pawl::devices::read_config_file("/nowhere/pawl.toml", options),
                    "/nowhere/pawl.toml: No such file or directory");
}

TEST_CASE("spans are read with their unit and refused without") {
  CHECK(parse_duration("50ms") == 50ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("2h") == 2h);
  CHECK(parse_duration("1d") == 24h);
  CHECK(parse_duration("0") == 0ms);
  for (const char* bad : {"", "5", "s", "-1s", "1.s", "1.5ms", "1 s", "1sec", "1.0001s",
                          "99999999999999999999s", "9223372036854775807s"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("sizes are read in both kinds of units") {
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("64KiB") == 65'536);
  CHECK(parse_size("1.5MiB") == 1'572'864);
  CHECK(parse_size("64MB") == 64'000'000);
  for (const char* bad : {"", "KiB", "1.5", "1TB", "-3"}) {
    INFO(bad);
    CHECK_FALSE(parse_size(bad));
  }
}
