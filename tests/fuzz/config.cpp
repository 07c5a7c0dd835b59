// SPDX-License-Identifier: Apache-2.0
// Any text as pawl-queue's configuration file. It is read, or refused with a ConfigError that names
// the file and a line, and no other way; what is read is what a hub starts with (check_hub_options
// has no objection that the file should have been told of).
#include "devices/config.hpp"
#include "patterns/hub/hub_options.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // toml++ makes a node of a few hundred bytes of "a=1", and unwinding takes a little.
  const MemoryBound bound("a configuration file", 512 * size + 256 * 1024);
  HubOptions options;
  try {
    devices::read_config(text, "pawl.toml", options);
  } catch (const devices::ConfigError& error) {
    EXPECT(std::string_view(error.what()).starts_with("pawl.toml:"));
    return 0;
  }
  check_hub_options(options);
  return 0;
}
