// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chunk frame: count (2 bytes), the queue's body limit (1 byte), the chunk. What
// check_chunk passes can be read to its end without a bug's exit, cut at every entry, put together
// again; check_chunk itself allocates nothing unless it refuses. What it does not pass is walked by
// the cursor that all decoders stand on, which stays inside and stays put when it says no.
#include "core/chunk/chunk.hpp"
#include "core/chunk/pack_cursor.hpp"
#include "core/limits.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;

namespace {

bool same(Bytes left, Bytes right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

void check_passed(const Slice& chunk, std::size_t count) {
  ChunkReader reader(chunk.bytes());
  ChunkBuilder builder;
  Entry entry;
  std::size_t entries = 0, bytes = 0;
  while (reader.next(entry)) {
    const Slice alone = cut(chunk, entries, 1);
    EXPECT(same(alone.bytes(), chunk.bytes().subspan(bytes, entry.encoded_size)));
    EXPECT(check_chunk(alone.bytes(), 1, limits::body_bytes_max).code == Code::ok);
    builder.append(entry.meta, entry.body);
    bytes += entry.encoded_size;
    // Cutting one walks from the front: enough of them.
    if (++entries == 64) break;
  }
  while (reader.next(entry)) {
    builder.append(entry.meta, entry.body);
    bytes += entry.encoded_size;
    ++entries;
  }
  EXPECT(entries == count && bytes == chunk.size);
  const Slice rebuilt = builder.take();  // shortest form
  EXPECT(rebuilt.size <= chunk.size);
  EXPECT(check_chunk(rebuilt.bytes(), count, limits::body_bytes_max).code == Code::ok);
}

void walk(Bytes bytes) {
  PackCursor cursor(bytes);
  while (!cursor.at_end()) {
    const std::byte* const before = cursor.position();
    const std::size_t depth = bytes.size() % 9;
    if (!cursor.skip(depth)) {
      EXPECT(cursor.position() == before);
      break;
    }
    EXPECT(cursor.position() > before && cursor.left() < bytes.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  std::size_t count = in.byte();
  count = (count << 8 | in.byte()) % (limits::chunk_messages_max + 2);
  const std::size_t limit_choice = in.byte();
  const std::size_t body_bytes_max = limit_choice < 128 ? limits::body_bytes_max : limit_choice;
  const Slice chunk = Buffer::copy_of(bytes_of(in.rest()));
  Fault fault;
  {
    const MemoryBound bound("checking a chunk", 1024);
    fault = check_chunk(chunk.bytes(), count, body_bytes_max);
    if (fault.code == Code::ok) EXPECT(bound.peak() == 0);
  }
  walk(chunk.bytes());
  if (fault.code == Code::ok) {
    const MemoryBound bound("reading a chunk", 4 * size + 1024 * 1024);
    check_passed(chunk, count);
  } else {
    EXPECT(static_cast<unsigned>(fault.code) / 100 == 1 && !fault.text.empty());
  }
  return 0;
}
