// SPDX-License-Identifier: Apache-2.0
// The command line of a client of another system, and what it says:
//
//   bench_peer_NAME produce PORT COUNT BYTES   `first_send`, then `all_confirmed`
//   bench_peer_NAME consume PORT COUNT BYTES   `ready`, then `all_acked`
//
//     --window N   messages under way at once; 0: the client's own choice
//     --durable 1  for servers that are told by the client
#pragma once

#include <string>

#include "bench/arguments.hpp"
#include "bench/clock.hpp"

namespace bench {

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

inline int run_client(int argc, char** argv, void (*produce)(const Arguments&),
                      void (*consume)(const Arguments&)) {
  const std::string what = argc > 1 ? argv[1] : "";
  const Arguments arguments =
      read_arguments(argc - 1, argv + 1,
                     "bench_peer_NAME produce|consume PORT COUNT BYTES [--window N] [--durable 1]",
                     {{"--window", 0}, {"--durable", 0}});
  (what == "produce" ? produce : consume)(arguments);
  return 0;
}

inline std::uint64_t window_of(const Arguments& arguments, std::uint64_t own_choice) {
  return arguments["--window"] != 0 ? arguments["--window"] : own_choice;
}

inline int port_of(const Arguments& arguments) {
  return std::atoi(arguments.endpoint.c_str());
}

}  // namespace bench
