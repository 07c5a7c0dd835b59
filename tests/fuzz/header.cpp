// SPDX-License-Identifier: Apache-2.0
// Any bytes as a header frame. What decodes encodes to a header that decodes to the same message
// and encodes to the same bytes; what is refused is refused with a permanent code and a sentence.
// Decoding allocates no more than the rows that there are bytes for.
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;

namespace {

// The widest row, and what a Fault's sentence may take.
constexpr std::size_t row_bytes_max = 64;
constexpr std::size_t words_bytes_max = 4096;

static_assert(sizeof(protocol::Settle::Row) <= row_bytes_max + 16);

void check_decoded(const protocol::Message& message) {
  EXPECT(protocol::frames_expected(message) <= limits::frames_max);
  const std::vector<std::byte> once = protocol::encode(message);
  const auto again = protocol::decode(once);
  EXPECT(again);
  EXPECT(*again == message);
  EXPECT(protocol::encode(*again) == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data),
                                     reinterpret_cast<const std::byte*>(data) + size);
  const std::size_t rows_max = std::min(size, limits::rows_max);
  const auto decoded = [&] {
    const MemoryBound bound("decoding a header", rows_max * (row_bytes_max + 16) + words_bytes_max);
    return protocol::decode(bytes);
  }();
  if (decoded) {
    // What the check itself needs: the header once more, thrice at most while it grows.
    const MemoryBound checking("encoding what was decoded", 16 * size + 256 * 1024);
    check_decoded(*decoded);
  } else {
    EXPECT(static_cast<unsigned>(decoded.fault().code) / 100 == 1);
    EXPECT(!decoded.fault().text.empty());
  }
  return 0;
}
