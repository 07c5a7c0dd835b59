// SPDX-License-Identifier: Apache-2.0
// The frames of a DELIVER, put together and taken apart again.
#include "patterns/hub/deliver_frames.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "core/protocol/codec.hpp"
#include "core/protocol/deliver_chunks.hpp"

using namespace pawl;
using protocol::Deliver;

namespace {

Slice chunk(std::uint32_t count, std::size_t body_bytes) {
  const std::vector<std::byte> body(body_bytes, std::byte{'b'});
  ChunkBuilder builder;
  for (std::uint32_t i = 0; i < count; ++i) builder.append({}, body);
  return builder.take();
}

// Rows of these messages each, of this body size: frames go out, and the same chunks come back.
std::size_t frames_for(const std::vector<std::pair<std::uint32_t, std::size_t>>& rows) {
  DeliverFrames frames;
  Deliver deliver{1, 1, 1, {}};
  std::vector<Slice> chunks;
  std::uint64_t offset = 0;
  for (const auto& [count, bytes] : rows) {
    chunks.push_back(chunk(count, bytes));
    deliver.rows.push_back({0, offset, count, 1, 0});
    offset += count;
    frames.add(deliver.rows.back(), chunks.back());
  }
  const std::vector<Slice> made = frames.take();
  REQUIRE(protocol::decode(protocol::encode(deliver)));
  REQUIRE(protocol::frames_expected(deliver) == made.size());
  std::size_t at = 0;
  protocol::each_chunk(deliver, made, limits::body_bytes_max,
                       [&](const Deliver::Row& row, const Slice& part, const Fault& fault) {
                         REQUIRE(fault.code == Code::ok);
                         REQUIRE(&row == &deliver.rows[at]);
                         const Bytes got = part.bytes(), want = chunks[at++].bytes();
                         REQUIRE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
                       });
  REQUIRE(at == rows.size());
  REQUIRE(frames.take().empty());
  return made.size();
}

}  // namespace

TEST_CASE("small rows that follow one another share a frame, large ones have their own") {
  CHECK(frames_for({{1, 100}}) == 1);
  CHECK(frames_for({{1, 100}, {3, 100}, {1, 0}}) == 1);
  CHECK(frames_for({{1, 100}, {1, 5000}, {1, 100}, {1, 100}}) == 3);
  CHECK(frames_for({{1, 5000}, {1, 5000}}) == 2);
  CHECK(frames_for(std::vector<std::pair<std::uint32_t, std::size_t>>(256, {1, 100})) == 1);
}

TEST_CASE("what shares a frame is a chunk: not more messages, not more bytes") {
  CHECK(frames_for({{800, 0}, {800, 0}, {800, 0}, {800, 0}, {800, 0}, {800, 0}}) == 2);
  CHECK(frames_for(std::vector<std::pair<std::uint32_t, std::size_t>>(256, {1, 1000})) == 2);
}

TEST_CASE("G8 damage takes the row that it is in and those behind it, not those before it") {
  constexpr auto with_previous = protocol::deliver_flags::with_previous;
  Deliver deliver{1, 1, 1, {}};
  deliver.rows = {{0, 0, 1, 1, 0}, {0, 5, 2, 1, with_previous}, {0, 9, 1, 1, with_previous}};
  const auto faults_of = [&](const Slice& frame) {
    std::size_t bytes = 0;
    std::string faults;
    protocol::each_chunk(deliver, {frame}, limits::body_bytes_max,
                         [&](const Deliver::Row&, const Slice& part, const Fault& fault) {
                           bytes += part.size;
                           faults += fault.code == Code::ok ? '.' : '!';
                         });
    CHECK(bytes == frame.size);  // for who counts credit
    return faults;
  };
  CHECK(faults_of(chunk(4, 10)) == "...");
  CHECK(faults_of(chunk(3, 10)) == "..!");  // one too few
  CHECK(faults_of(chunk(2, 10)) == ".!!");
  CHECK(faults_of(chunk(5, 10)) == "..!");  // one too many
  CHECK(faults_of(Buffer::copy_of({})) == "!!!");
  deliver.rows[1].count = limits::chunk_messages_max;
  CHECK(faults_of(chunk(4, 10)) == "!!!");  // no chunk of so many
}
