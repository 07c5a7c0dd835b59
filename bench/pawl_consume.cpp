// SPDX-License-Identifier: Apache-2.0
// bench_pawl_consume ENDPOINT COUNT BYTES: one handler call a message, until COUNT are acked and
// the hub has answered every ack.
#include <chrono>
#include <cstdlib>

#include <pawl/worker.hpp>

#include "bench/clock.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "bench_pawl_consume ENDPOINT COUNT BYTES\n");
    return 2;
  }
  const auto count = static_cast<std::uint64_t>(std::atoll(argv[2]));
  const auto bytes = static_cast<std::size_t>(std::atoll(argv[3]));
  pawl::Worker worker({.endpoint = argv[1], .queue = "bench", .count_max = count});
  if (!worker.wait_open(std::chrono::seconds(10))) {
    std::fprintf(stderr, "no device at %s\n", argv[1]);
    return 1;
  }
  bench::tell("ready", bench::now_s());
  std::uint64_t wrong = 0;
  worker.run([&](const pawl::Delivery& delivery) {
    if (delivery.body().size() != bytes) ++wrong;
  });
  const bool settled = worker.drain(std::chrono::minutes(1));
  bench::tell("all_acked", bench::now_s());
  const pawl::WorkerProgress progress = worker.progress();
  if (!settled || progress.acked != count || wrong != 0) {
    std::fprintf(stderr, "%llu of %llu acked, %llu of a wrong size\n",
                 static_cast<unsigned long long>(progress.acked),
                 static_cast<unsigned long long>(count), static_cast<unsigned long long>(wrong));
    return 1;
  }
  return 0;
}
