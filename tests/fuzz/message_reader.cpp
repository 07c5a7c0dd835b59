// SPDX-License-Identifier: Apache-2.0
// Any bytes on `pawl send`'s standard input: the separator (1 byte), the bound of a message (1),
// the stream. The messages are those that lie between separators, none is longer than the bound,
// every byte is counted, and one long line does not grow the reader.
#include "devices/pawl/message_reader.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl::fuzzing;
using pawl::devices::MessageReader;

namespace {

int file_with(std::string_view bytes) {
  static const int fd = memfd_create("input", 0);
  EXPECT(ftruncate(fd, 0) == 0);
  EXPECT(pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  EXPECT(lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

// The next piece of the stream, and steps past its separator. False at the end.
bool next_piece(std::string_view& rest, char separator, std::string_view& piece) {
  if (rest.empty()) return false;
  const std::size_t at = rest.find(separator);
  piece = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const char separator = static_cast<char>(in.byte());
  const std::size_t bytes_max = in.byte();
  std::string_view rest = in.rest();
  const std::size_t all = rest.size();
  static const int never_readable = [] {
    int ends[2];
    EXPECT(pipe(ends) == 0);
    return ends[0];
  }();
  // It reads 256 KiB at a time, and a string doubles.
  const MemoryBound bound("reading messages", 3 * 256 * 1024 + 4096);
  MessageReader reader(file_with(rest), separator, bytes_max, never_readable);
  std::string_view body, expected;
  while (next_piece(rest, separator, expected)) {
    const auto found = reader.next(body);
    EXPECT(found == (expected.size() > bytes_max ? MessageReader::Found::too_long
                                                 : MessageReader::Found::message));
    if (found == MessageReader::Found::message) EXPECT(body == expected);
  }
  EXPECT(reader.next(body) == MessageReader::Found::end);
  EXPECT(reader.bytes_read() == all);
  return 0;
}
