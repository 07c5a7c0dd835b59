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
  CHECK(refusal("[queue.q]\noverflow = \"drop\"\n") ==
        "pawl.toml:2: queue.q.overflow: expected \"hold_back\", \"refuse\" or \"drop_oldest\"");
  CHECK(refusal("[queue.q]\nbackoff = { jitter = 1.5 }\n") ==
        "pawl.toml:2: queue.q.backoff.jitter: allowed is 0 to 1");
  CHECK(refusal("[queue.q]\nmessage_bytes_max = \"2MiB\"\n") ==
        "pawl.toml:2: queue.q.message_bytes_max: allowed is 1 to 1048576");
  CHECK(refusal("[queue.\"a b\"]\n") ==
        "pawl.toml:1: queue.a b: a queue's name is 1 to 128 of A-Z a-z 0-9 . _ -");
  CHECK(refusal("hub = 3\n") == "pawl.toml:1: hub: expected a table");
  CHECK(refusal("queue.q = 3\n") == "pawl.toml:1: queue.q: expected a table");
}

TEST_CASE("values that do not go together are refused at the one that the file gives") {
  CHECK(refusal("[hub]\nbeat = \"5s\"\n") ==
        "pawl.toml:2: hub.beat: is 5s: allowed is at most a third of lease, which is 10s here; set "
        "lease too");
  CHECK(refusal("[hub]\nlease = \"5s\"\n") ==
        "pawl.toml:2: hub.lease: is 5s: allowed is at least 3 beats, which are 6s here; set beat "
        "too");
  CHECK(refusal("[hub]\nbeat = \"2s\"\nlease = \"1s\"\n").rfind("pawl.toml:3: hub.lease: ", 0) ==
        0);
  CHECK(refusal("[hub]\nmargin = \"11s\"\n") ==
        "pawl.toml:2: hub.margin: is 11s: allowed is at most lease, which is 10s here");
  CHECK(refusal("[defaults]\nbackoff = { initial = \"10m\" }\n") ==
        "pawl.toml:2: defaults.backoff.initial: is 10m: allowed is at most max, which is 5m here; "
        "set max too");
  CHECK(refusal("[queue.q]\nbackoff = { max = \"500ms\" }\n") ==
        "pawl.toml:2: queue.q.backoff.max: is 500ms: allowed is at least initial, which is 1s "
        "here; set initial too");
}

TEST_CASE("a spread, a factor and times outside of their bounds are refused") {
  CHECK(refusal("[queue.q]\nbackoff = { jitter = -0.1 }\n") ==
        "pawl.toml:2: queue.q.backoff.jitter: allowed is 0 to 1");
  CHECK(refusal("[queue.q]\nbackoff = { jitter = nan }\n") ==
        "pawl.toml:2: queue.q.backoff.jitter: allowed is 0 to 1");
  CHECK(refusal("[queue.q]\nbackoff = { factor = 0.5 }\n") ==
        "pawl.toml:2: queue.q.backoff.factor: allowed is 1 to 1000");
}

TEST_CASE("dead letters that would come back are refused, and those that rest are not") {
  CHECK(refusal("[queue.q]\ndead_letter = \"q\"\n") ==
        "pawl.toml:2: queue.q.dead_letter: is the queue itself: name another queue");
  CHECK(refusal("[queue.a]\ndead_letter = \"b\"\n[queue.b]\ndead_letter = \"a\"\n") ==
        "pawl.toml:2: queue.a.dead_letter: is b, whose own dead letters come back to a: name a "
        "queue that nothing comes back from");
  CHECK(refusal("[queue.\"a.dead\"]\ndead_letter = \"a\"\n")
            .rfind("pawl.toml:2: queue.a.dead.dead_letter: is a, whose", 0) == 0);
  CHECK(refusal("[defaults]\ndead_letter = \"d\"\n[queue.d]\ndead_letter = \"e\"\n")
            .rfind("pawl.toml:4: queue.d.dead_letter: is e, whose", 0) == 0);
  CHECK(refusal("[queue.a]\ndead_letter = \"b\"\n[queue.b]\ndead_letter = \"c\"\n") ==
        "pawl.toml:4: queue.b.dead_letter: is not allowed: b holds the dead letters of a, and what "
        "fails there rests there; leave it out");
  CHECK(refusal("[queue.a]\n[queue.\"a.dead\"]\ndead_letter = \"c\"\n")
            .rfind("pawl.toml:3: queue.a.dead.dead_letter: is not allowed: a.dead holds", 0) == 0);
  CHECK(refusal("[queue.\"a.dead\"]\ndead_letter = \"c\"\n") == "accepted");
  CHECK(refusal("[queue.a]\n[queue.\"a.dead\"]\noverflow = \"drop_oldest\"\n")
            .rfind("pawl.toml:3: queue.a.dead.overflow: is not allowed: a.dead holds", 0) == 0);
  CHECK(refusal("[queue.a]\ndead_letter = \"c\"\n[queue.b]\ndead_letter = \"c\"\n") == "accepted");
  CHECK(refusal("[defaults]\ndead_letter = \"d\"\n[queue.d]\nmax_attempts = 1\n") == "accepted");
}

TEST_CASE("a name that is too long for NAME.dead needs dead letters of another name") {
  const std::string name(124, 'n');
  CHECK(refusal("[queue." + name + "]\n") ==
        "pawl.toml:1: queue." + name +
            ".dead_letter: is needed: the name has 124 characters, and NAME.dead would have more "
            "than 128");
  CHECK(refusal("[queue." + name + "]\ndead_letter = \"d\"\n") == "accepted");
  CHECK(refusal("[defaults]\ndead_letter = \"d\"\n[queue." + name + "]\n") == "accepted");
  CHECK(refusal("[queue." + name.substr(1) + "]\n") == "accepted");
}

TEST_CASE("no time at all is the one span that needs neither quotes nor a unit") {
  CHECK(read("[defaults]\nhandler_timeout = 0\n").defaults.handler_timeout == 0ms);
  CHECK(refusal("[defaults]\nhandler_timeout = 1\n").find("expected a span") != std::string::npos);
}

TEST_CASE("a file that is no TOML is refused with its line") {
  const std::string said = refusal("[hub]\nlease = \n");
  CHECK(said.rfind("pawl.toml:2: not TOML: ", 0) == 0);
  CHECK(said.find("(keys are written key = value, with text and spans in \"quotes\")") !=
        std::string::npos);
}

TEST_CASE("a table that stands twice is refused with file and line") {
  CHECK(refusal("[queue.q]\nmax_attempts = 1\n[queue.q]\n").rfind("pawl.toml:3: ", 0) == 0);
  CHECK(refusal("[hub]\nbeat = \"1s\"\nbeat = \"2s\"\n").rfind("pawl.toml:3: ", 0) == 0);
}

TEST_CASE("a file that is not there is refused with its name") {
  pawl::HubOptions options;
  CHECK_THROWS_WITH(pawl::devices::read_config_file("/nowhere/pawl.toml", options),
                    "/nowhere/pawl.toml: No such file or directory");
}

TEST_CASE("what cannot be read is refused with its name, a folder as well") {
  pawl::HubOptions options;
  CHECK_THROWS_WITH(pawl::devices::read_config_file("/usr", options), "/usr: Is a directory");
  CHECK_THROWS_WITH(pawl::devices::read_config_file("/proc/self/mem", options),
                    "/proc/self/mem: Input/output error");
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
