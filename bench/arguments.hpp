// SPDX-License-Identifier: Apache-2.0
// The command line of a bench's peer: ENDPOINT COUNT BYTES, then `--name number` pairs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace bench {

struct Arguments {
  std::string endpoint{};
  std::uint64_t count = 0;
  std::size_t bytes = 0;
  std::map<std::string, std::uint64_t> options{};  // of those that `known` named, given or default

  std::uint64_t operator[](const std::string& name) const { return options.at(name); }
};

// Ends the process with 2 and `usage` for what it cannot read.
inline Arguments read_arguments(int argc, char** argv, const char* usage,
                                std::map<std::string, std::uint64_t> known) {
  Arguments arguments{.options = std::move(known)};
  bool good = argc >= 4 && argc % 2 == 0;
  for (int i = 4; good && i < argc; i += 2) {
    const auto option = arguments.options.find(argv[i]);
    good = option != arguments.options.end();
    if (good) option->second = std::strtoull(argv[i + 1], nullptr, 10);
  }
  if (!good) {
    std::fprintf(stderr, "%s\n", usage);
    std::exit(2);
  }
  arguments.endpoint = argv[1];
  arguments.count = std::strtoull(argv[2], nullptr, 10);
  arguments.bytes = std::strtoull(argv[3], nullptr, 10);
  return arguments;
}

}  // namespace bench
