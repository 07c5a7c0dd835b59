// SPDX-License-Identifier: Apache-2.0
// Any bytes as the value of one of the store's rows: the kind (1 byte), the value. What a decoder
// takes is what this version could have written: it encodes, and decodes to the same. No count that
// a value claims is allocated for.
#include "patterns/work_queue/records.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;

namespace {

template <class Row, class Decode>
void check(const std::optional<Row>& row, Decode decode) {
  if (!row) return;
  const std::string once = records::encode(*row);
  const std::optional<Row> again = decode(std::as_bytes(std::span(once)));
  EXPECT(again && *again == *row);
  EXPECT(records::encode(*again) == once);
}

void decode_one(std::size_t kind, Bytes value) {
  constexpr std::uint64_t offset = 1000;
  const auto index = [](Bytes bytes) { return records::decode_index(offset, bytes); };
  const auto active = [](Bytes bytes) { return records::decode_active(offset, bytes); };
  switch (kind) {
    case 0: {
      const auto hub = records::decode_hub(value);
      // Another format's number is all that is read of it.
      if (hub && hub->format == records::format_version) check(hub, records::decode_hub);
      return;
    }
    case 1: return check(records::decode_queue(value), records::decode_queue);
    case 2: return check(records::decode_counters(value), records::decode_counters);
    case 3: return check(index(value), index);
    case 4: return check(active(value), active);
    case 5: return check(records::decode_failure(value), records::decode_failure);
    case 6: return check(records::decode_producer(value), records::decode_producer);
    default: return check(records::decode_session(value), records::decode_session);
  }
}

// A key that is shorter than any of ours must not be read past its end.
void read_key(std::string_view key) {
  records::number_at_end(key);
  if (!key.empty()) records::name_in_queue_key(key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const std::size_t kind = in.pick(8);
  const std::vector<std::byte> value = bytes_of(in.rest());
  // A failure of four bytes is a struct of 80 in a vector that doubles, and is read twice here.
  const MemoryBound bound("a row", 128 * size + 16 * 1024);
  decode_one(kind, value);
  read_key({reinterpret_cast<const char*>(value.data()), value.size()});
  return 0;
}
