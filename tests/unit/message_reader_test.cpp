// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/message_reader.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "core/transport/wake_up.hpp"

using pawl::devices::MessageReader;
using Found = MessageReader::Found;

namespace {

// What a reader makes of `text`, written to a pipe by another thread; "!" stands for one too long.
std::vector<std::string> read_all(const std::string& text, char separator = '\n',
                                  std::size_t bytes_max = 1'000'000) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::thread writer([&] {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t wrote = write(ends[1], text.data() + at, text.size() - at);
      if (wrote <= 0) break;
      at += static_cast<std::size_t>(wrote);
    }
    close(ends[1]);
  });
  const pawl::transport::WakeUp never;
  MessageReader reader(ends[0], separator, bytes_max, never.fd());
  std::vector<std::string> found;
  std::string_view body;
  for (;;) {
    const Found what = reader.next(body);
    if (what != Found::message && what != Found::too_long) break;
    found.push_back(what == Found::message ? std::string(body) : "!");
  }
  writer.join();
  close(ends[0]);
  CHECK(reader.bytes_read() == text.size());
  return found;
}

using Messages = std::vector<std::string>;

}  // namespace

TEST_CASE("a message is a line, with or without a newline at the end of the input") {
  CHECK(read_all("") == Messages{});
  CHECK(read_all("a\nb\n") == Messages{"a", "b"});
  CHECK(read_all("a\nb") == Messages{"a", "b"});
  CHECK(read_all("\n\nx\n") == Messages{"", "", "x"});
  CHECK(read_all(std::string("a\nb\0c\0", 6), '\0') == Messages{"a\nb", "c"});
}

TEST_CASE("messages that span many reads arrive whole") {
  const std::string large(900'000, 'x');
  CHECK(read_all(large + "\n" + large + "\nend") == Messages{large, large, "end"});
}

TEST_CASE("G6 a line over the bound is read away in bounded memory and those beside it are not") {
  const std::string large(3'000'000, 'x');
  CHECK(read_all("a\n" + large + "\nb\n") == Messages{"a", "!", "b"});
  CHECK(read_all("a\n" + large) == Messages{"a", "!"});
  CHECK(read_all("12345\n123456\n1234\n", '\n', 5) == Messages{"12345", "!", "1234"});
}

TEST_CASE("a reader that waits for input can be woken") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pawl::transport::WakeUp wake;
  wake.signal();
  MessageReader reader(ends[0], '\n', 100, wake.fd());
  std::string_view body;
  CHECK(reader.next(body) == Found::woken);
  close(ends[0]);
  close(ends[1]);
}
