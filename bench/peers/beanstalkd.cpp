// SPDX-License-Identifier: Apache-2.0
// beanstalkd: puts, reserves and deletes in a pipeline of 1,000.
#include <algorithm>

#include "bench/peers/stream.hpp"

namespace {

constexpr std::uint64_t window = 1'000;

void expect(std::string_view line, std::string_view word) {
  if (!line.starts_with(word)) bench::give_up("beanstalkd: " + std::string(line));
}

void produce(const bench::Arguments& load) {
  bench::Stream server(bench::port_of(load));
  const std::string put =
      "put 0 0 300 " + std::to_string(load.bytes) + "\r\n" + std::string(load.bytes, 'x') + "\r\n";
  const std::uint64_t under_way_max = bench::window_of(load, window);
  bench::tell("first_send", bench::now_s());
  std::uint64_t sent = 0;
  for (std::uint64_t confirmed = 0; confirmed < load.count;) {
    for (; sent < load.count && sent - confirmed < under_way_max; ++sent) server.write(put);
    server.flush();
    do {
      expect(server.line(), "INSERTED ");
      ++confirmed;
    } while (confirmed < load.count && server.has_line());
  }
  bench::tell("all_confirmed", bench::now_s());
}

// A connection's commands are done one after the other, and a reserve waits for its job: no more
// reserves than there will be jobs, or the last deletes would wait for ever.
void consume(const bench::Arguments& load) {
  bench::Stream server(bench::port_of(load));
  std::uint64_t reserves = std::min(bench::window_of(load, window), load.count);
  for (std::uint64_t i = 0; i < reserves; ++i) server.write("reserve\r\n");
  server.flush();
  bench::tell("ready", bench::now_s());
  for (std::uint64_t deleted = 0; deleted < load.count;) {
    do {
      const std::string_view line = server.line();
      if (line == "DELETED") {
        ++deleted;
        continue;
      }
      expect(line, "RESERVED ");
      const std::string_view id = line.substr(9, line.find(' ', 9) - 9);
      server.write("delete ");
      server.write(id);
      server.write("\r\n");
      if (reserves < load.count) {
        server.write("reserve\r\n");
        ++reserves;
      }
      if (server.body(load.bytes).size() != load.bytes) bench::give_up("a body of a wrong size");
    } while (server.has_line());
    server.flush();
  }
  bench::tell("all_acked", bench::now_s());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_client(argc, argv, produce, consume);
}
