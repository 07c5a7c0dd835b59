// SPDX-License-Identifier: Apache-2.0
// A producer with a name keeps "sent twice, kept once" across its own restarts: here the same
// import runs twice, as it would after a crash, and nothing is kept twice. The line number is the
// sequence; kept() tells what need not be sent at all, and what is sent again is confirmed as a
// duplicate.
#include <cstdio>
#include <string>

#include <pawl/hub.hpp>
#include <pawl/pawl.hpp>

int main() {
  using namespace std::chrono_literals;
  const pawl::Hub hub{{.endpoints = {"inproc://import"}}};

  const auto import = [](std::uint64_t lines, bool skip) {
    pawl::Producer producer{
        {.endpoint = "inproc://import", .queue = "lines", .name = "nightly-import"}};
    const pawl::Kept kept = producer.kept(5s);
    for (std::uint64_t line = 1; line <= lines; ++line) {
      if (skip && kept.has(line)) continue;
      producer.send_at(line, "line " + std::to_string(line));
    }
    return producer.close(5s);
  };

  const pawl::SendResult first = import(100, false);   // and now it crashes, say
  const pawl::SendResult again = import(150, false);   // all of it, from the beginning
  const pawl::SendResult skipped = import(150, true);  // or only what is missing: nothing
  std::printf("%llu, then %llu of which %llu were kept already, then %llu\n",
              static_cast<unsigned long long>(first.confirmed),
              static_cast<unsigned long long>(again.confirmed),
              static_cast<unsigned long long>(again.duplicates),
              static_cast<unsigned long long>(skipped.sent));
  const bool right = first.duplicates == 0 && again.confirmed == 150 && again.duplicates == 100;
  return right && skipped.sent == 0 ? 0 : 1;
}
