// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "patterns/work_queue/records.hpp"

using namespace pawl;
using namespace pawl::records;

namespace {

Bytes bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// What is written is read; one byte less or more is none of ours.
template <class Decode, class Row>
void round_trip(const Row& row, Decode decode) {
  const std::string value = encode(row);
  const auto read = decode(bytes(value));
  REQUIRE(read.has_value());
  CHECK(*read == row);
  CHECK_FALSE(decode(bytes(value + 'x')).has_value());
  for (std::size_t size = 0; size < value.size(); ++size) {
    CHECK_FALSE(decode(bytes(value.substr(0, size))).has_value());
  }
}

constexpr std::uint64_t big = std::uint64_t{1} << 62;
const HubTime late{std::int64_t{1} << 62};

}  // namespace

TEST_CASE("rows are read as they were written, and nothing else is") {
  Bytes16 id;
  id.fill(std::byte{0xAB});
  round_trip(HubRow{format_version, id, 77, "boot", true, late}, decode_hub);
  round_trip(QueueRow{5, true}, decode_queue);
  round_trip(CountersRow{big, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, decode_counters);
  round_trip(SessionRow{id, "peer", 256}, decode_session);
  ProducerRow producer;
  producer.set = {3, 10, {{10, 2}, {big, 7}}};
  producer.last_seen = late;
  round_trip(producer, decode_producer);
  FailingMessage failure{2, 1, 3, true, late, {{late, "w", "why", FailureKind::death}}, 4};
  round_trip(failure, decode_failure);
  const ChunkRef ref{900, 100, big, 70000, late};
  round_trip(ref, [](Bytes value) { return decode_index(900, value); });
  ActiveRow active{ref,
                   {{41, 7, 1}, {42, 8, 9}},
                   {{0, 3, RunState::leased, false, 42},
                    {3, 1, RunState::delayed, true, 0},
                    {50, 50, RunState::leased, false, 41}}};
  round_trip(active, [](Bytes value) { return decode_active(900, value); });
}

TEST_CASE("a hub row of another format is read as far as its number") {
  HubRow row;
  row.format = format_version + 1;
  const auto read = decode_hub(bytes(encode(row)));
  REQUIRE(read.has_value());
  CHECK(read->format == format_version + 1);
}

TEST_CASE("keys sort as their numbers do, and each kind stands apart") {
  CHECK(index_key(1, 255) < index_key(1, 256));
  CHECK(index_key(1, big) < index_key(2, 0));
  CHECK(number_at_end(failure_key(3, big)) == big);
  CHECK(number_at_end(session_key(12)) == 12);
  CHECK(number_at_end(chunk_key(big + 1)) == big + 1);
  CHECK(name_in_queue_key(queue_key("orders")) == "orders");
  const KeyRange range = index_from(1, 256);
  CHECK(range.from <= index_key(1, 256));
  CHECK(index_key(1, 255) < range.from);
  CHECK(index_key(1, UINT64_MAX) < range.to);
  CHECK(range.to <= index_key(2, 0));
  const KeyRange failures = all_failures(255);
  CHECK((failures.from <= failure_key(255, 0) && failure_key(255, UINT64_MAX) < failures.to));
  CHECK(failures.to <= failure_key(256, 0));
}

TEST_CASE("a damaged value never crashes its reader") {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string value(random.below(40), '\0');
    for (char& c : value) c = static_cast<char>(random.below(256));
    decode_hub(bytes(value));
    decode_counters(bytes(value));
    decode_producer(bytes(value));
    decode_session(bytes(value));
    decode_failure(bytes(value));
    const auto active = decode_active(1, bytes(value));
    if (active) CHECK_FALSE(encode(*active).empty());
  }
}
