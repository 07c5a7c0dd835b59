// SPDX-License-Identifier: Apache-2.0
// bench_pawl_produce ENDPOINT COUNT BYTES: one send() a message, then waits for every confirm.
#include <chrono>
#include <cstdlib>
#include <string>

#include <pawl/producer.hpp>

#include "bench/clock.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "bench_pawl_produce ENDPOINT COUNT BYTES\n");
    return 2;
  }
  const auto count = static_cast<std::uint64_t>(std::atoll(argv[2]));
  const std::string body(static_cast<std::size_t>(std::atoll(argv[3])), 'x');
  pawl::Producer producer({.endpoint = argv[1], .queue = "bench"});
  if (!producer.wait_open(std::chrono::seconds(10))) {
    std::fprintf(stderr, "no device at %s\n", argv[1]);
    return 1;
  }
  bench::tell("first_send", bench::now_s());
  for (std::uint64_t i = 0; i < count; ++i) producer.send(body);
  bench::tell("last_send", bench::now_s());
  const pawl::SendResult result = producer.flush(std::chrono::minutes(2));
  bench::tell("all_confirmed", bench::now_s());
  if (!result.complete() || result.confirmed != count) {
    std::fprintf(stderr, "%llu of %llu confirmed; %s\n",
                 static_cast<unsigned long long>(result.confirmed),
                 static_cast<unsigned long long>(count), result.first_refusal.c_str());
    return 1;
  }
  return 0;
}
