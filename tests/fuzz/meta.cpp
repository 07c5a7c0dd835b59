// SPDX-License-Identifier: Apache-2.0
// Any bytes as a meta. What decodes encodes to a meta that decodes to the same; a message with a
// meta that the hub takes, right fields or wrong, can become a dead letter, whose meta the hub
// would take again. Memory stays within a small multiple of the meta.
#include "core/chunk/meta.hpp"
#include "core/chunk/chunk.hpp"
#include "core/chunk/pack_writer.hpp"
#include "core/limits.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;

namespace {

// As the hub looks at it: in an entry with an empty body.
bool hub_takes(Bytes meta) {
  std::vector<std::byte> entry{std::byte{0x92}};
  entry.insert(entry.end(), meta.begin(), meta.end());
  entry.insert(entry.end(), {std::byte{0xc4}, std::byte{0}});
  return !meta.empty() && check_chunk(entry, 1, limits::body_bytes_max).code == Code::ok;
}

std::vector<Failure> failures(std::size_t count) {
  return std::vector<Failure>(count, {HubTime{1'700'000'000'000'000}, "worker",
                                      std::string(count * 16, 'r'), FailureKind::nack});
}

void check_dead_letter(Bytes bytes, std::size_t failed) {
  const std::vector<Failure> history = failures(failed);
  const Origin origin{"orders", 0, 42};
  const std::vector<std::byte> dead = dead_letter_meta(bytes, origin, history, 1);
  EXPECT(hub_takes(dead));
  const auto before = decode_meta(bytes);
  if (!before) return;
  const auto after = decode_meta(dead);
  EXPECT(after);
  EXPECT(after->key == before->key && after->headers == before->headers);
  EXPECT(after->others == before->others && after->reply_to == before->reply_to);
  EXPECT(after->history.size() <= limits::history_max);
  if (!after->origin) return;  // a meta filled to its bound: then even the origin goes
  EXPECT(after->origin == origin);
  EXPECT(after->history.size() + after->history_dropped == failed + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const std::size_t failed = in.pick(40);
  const std::vector<std::byte> bytes = bytes_of(in.rest());
  // A header of two bytes is a node of a map; a failure of four a struct of three times its own.
  const MemoryBound bound("a meta", 64 * size + 512 * 1024);
  const auto meta = decode_meta(bytes);
  if (meta) {
    const std::vector<std::byte> encoded = encode_meta(*meta);
    const auto again = decode_meta(encoded);
    EXPECT(again);
    EXPECT(*again == *meta);
    EXPECT(encode_meta(*again) == encoded);
  } else {
    EXPECT(meta.fault().code == Code::bad_frame && !meta.fault().text.empty());
  }
  if (hub_takes(bytes)) check_dead_letter(bytes, failed);
  return 0;
}
