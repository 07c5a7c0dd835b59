// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/chunk.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/random.hpp"

using namespace pawl;

namespace {

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const std::string small_meta("\x81\x01\xc4\x01k", 5);  // {1: bin "k"}

// An entry with an arbitrary meta in front of an empty body.
std::string entry_with(const std::string& meta) {
  return "\x92" + meta + std::string("\xc4\0", 2);
}

Code check_text(const std::string& chunk, std::size_t count,
                std::size_t body_bytes_max = limits::body_bytes_max) {
  return check_chunk(bytes_of(chunk), count, body_bytes_max).code;
}

}  // namespace

TEST_CASE("a chunk gives back the entries that were appended, whatever their size") {
  std::vector<std::string> bodies;
  for (const std::size_t size : {0, 1, 255, 256, 65535}) bodies.emplace_back(size, 'x');
  ChunkBuilder builder;
  std::size_t expected = 0;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const std::string& meta = i % 2 == 0 ? std::string() : small_meta;
    builder.append(bytes_of(meta), bytes_of(bodies[i]));
    expected += entry_size(meta.size(), bodies[i].size());
    CHECK(builder.bytes() == expected);
  }
  CHECK(builder.count() == bodies.size());
  const Slice chunk = builder.take();
  CHECK(builder.empty());
  CHECK(builder.bytes() == 0);
  CHECK(check_chunk(chunk.bytes(), bodies.size(), limits::body_bytes_max).text == "");

  ChunkReader reader(chunk.bytes());
  Entry entry;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    REQUIRE(reader.next(entry));
    CHECK(text_of(entry.body) == bodies[i]);
    CHECK(text_of(entry.meta) == (i % 2 == 0 ? std::string() : small_meta));
  }
  CHECK_FALSE(reader.next(entry));
}

TEST_CASE("the largest entry that limits allow makes a chunk of one message") {
  std::string meta("\xde\0\x01\x40\xc6\0\0\xff\0", 9);  // {64: bin32}
  meta.append(0xff00, 'm');
  ChunkBuilder builder;
  builder.append(bytes_of(meta), bytes_of(std::string(limits::body_bytes_max, 'b')));
  const Slice chunk = builder.take();
  CHECK(check_chunk(chunk.bytes(), 1, limits::body_bytes_max).text == "");
  CHECK(chunk.buffer.size() == chunk.size);
  CHECK(check_chunk(chunk.bytes(), 1, limits::body_bytes_max - 1).code == Code::too_large);
  CHECK(check_chunk(chunk.bytes(), 2, limits::body_bytes_max).code == Code::too_large);
}

TEST_CASE("cut gives a chunk of the entries asked for, from the same buffer") {
  ChunkBuilder builder;
  for (int i = 0; i < 10; ++i) builder.append({}, bytes_of(std::to_string(i)));
  const Slice chunk = builder.take();
  const Slice part = cut(cut(chunk, 2, 7), 1, 3);  // 3, 4, 5
  CHECK(part.buffer.data() == chunk.buffer.data());
  CHECK(check_chunk(part.bytes(), 3, 16).text == "");
  CHECK(text_of(part.bytes()) == std::string("\x92\xc0\xc4\x01"
                                             "3\x92\xc0\xc4\x01"
                                             "4\x92\xc0\xc4\x01"
                                             "5"));
  CHECK(cut(chunk, 10, 5).size == 0);
}

TEST_CASE("runs of entries are joined without re-encoding") {
  ChunkBuilder first;
  for (int i = 0; i < 3; ++i) first.append({}, bytes_of("abc"));
  const Slice run = first.take();
  ChunkBuilder joined;
  joined.append_entries(run.bytes(), 3);
  joined.append_entries(run.bytes(), 3);
  CHECK(joined.count() == 6);
  CHECK(check_chunk(joined.take().bytes(), 6, 3).text == "");
}

TEST_CASE("a builder never lets a small chunk pin a large block") {
  ChunkBuilder builder;
  const std::string body(100, 'x');
  for (const std::size_t count : {1, 50, 700, 5, 1200, 1}) {
    for (std::size_t i = 0; i < count; ++i) builder.append({}, bytes_of(body));
    const Slice chunk = builder.take();
    CHECK(chunk.size == count * entry_size(0, body.size()));
    CHECK(chunk.buffer.size() <= 2 * chunk.size);
    CHECK(check_chunk(chunk.bytes(), count, 100).text == "");
  }
  CHECK_FALSE(builder.take());
}

TEST_CASE("a builder that was moved from is empty and can be used again") {
  ChunkBuilder first;
  first.append({}, bytes_of("a"));
  ChunkBuilder second(std::move(first));
  first = ChunkBuilder{};
  first.append({}, bytes_of("b"));
  CHECK(text_of(first.take().bytes()).back() == 'b');
  CHECK(text_of(second.take().bytes()).back() == 'a');
}

TEST_CASE("G8 a chunk that is not what its header says is refused with the entry's number") {
  const std::string good("\x92\xc0\xc4\x01y", 5);
  CHECK(check_text(good, 1) == Code::ok);
  CHECK(check_text(good, 0) == Code::bad_frame);
  CHECK(check_text(good, 2) == Code::bad_frame);
  CHECK(check_text(good + good, 1) == Code::bad_frame);
  CHECK(check_text(good, limits::chunk_messages_max + 1) == Code::bad_frame);
  CHECK(check_text("", 1) == Code::bad_frame);
  CHECK(check_text(std::string("\x93\xc0\xc4\0\xc0", 5), 1) == Code::bad_frame);
  CHECK(check_text(std::string("\xdc\0\x02\xc0\xc4\0", 6), 1) == Code::bad_frame);
  CHECK(check_text("\x92\xc0\xa1y", 1) == Code::bad_frame);  // a str is no body
  CHECK(check_text(std::string("\x92\x01\xc4\0", 4), 1) == Code::bad_frame);
  const Fault fault = check_chunk(bytes_of(good + "\x92\xc0\xc4\x09y"), 2, 100);
  CHECK(fault.code == Code::bad_frame);
  CHECK(fault.text.find("entry 1") != std::string::npos);
}

TEST_CASE("G8 metas must be maps with integer keys, not too deep, and end where they say") {
  CHECK(check_text(entry_with("\x80"), 1) == Code::ok);
  CHECK(check_text(entry_with(small_meta), 1) == Code::ok);
  CHECK(check_text(entry_with("\x81\xa1x\x01"), 1) == Code::bad_frame);      // str key
  CHECK(check_text(entry_with("\x81\xff\x01"), 1) == Code::bad_frame);       // key −1
  CHECK(check_text(entry_with("\x81\x40\x91\x91\x91\x01"), 1) == Code::ok);  // depth 4
  CHECK(check_text(entry_with("\x81\x40\x91\x91\x91\x91\x01"), 1) == Code::bad_frame);
  CHECK(check_text(entry_with("\x81\x40\xc1"), 1) == Code::bad_frame);  // never used
  CHECK(check_text(entry_with("\xdf\xff\xff\xff\xff"), 1) == Code::bad_frame);
  CHECK(check_text(entry_with("\x81\x40\xdd\x80\0\0\0"), 1) == Code::bad_frame);
  std::string big("\x81\x40\xc6\0\x01\0\0", 7);
  big.append(0x10000, 'm');
  CHECK(check_text(entry_with(big), 1) == Code::too_large);
}

TEST_CASE("a body in a wider length than it needs is taken as it is") {
  const std::string wide("\x92\xc0\xc6\0\0\0\x01y\x92\xc0\xc5\0\x01y", 14);
  REQUIRE(check_text(wide, 2) == Code::ok);
  ChunkReader reader(bytes_of(wide));
  Entry entry;
  REQUIRE(reader.next(entry));
  CHECK(entry.encoded_size == 8);
  CHECK(reader.skip(5) == 6);
}

TEST_CASE("G8 every truncation of a good chunk is refused") {
  ChunkBuilder builder;
  builder.append(bytes_of(small_meta), bytes_of("body"));
  builder.append({}, bytes_of(std::string(300, 'x')));
  builder.append({}, {});
  const Slice chunk = builder.take();
  for (std::size_t size = 0; size < chunk.size; ++size) {
    // A copy of exactly that size, so that an address sanitizer sees a read past the end.
    const Buffer cut_short = Buffer::copy_of(chunk.bytes().first(size));
    CHECK(check_chunk(cut_short.bytes(), 3, 1000).code == Code::bad_frame);
  }
}

TEST_CASE("G8 whatever passes the check can be read to its end, mutated at random or not") {
  Random random(20);
  for (int round = 0; round < 20'000; ++round) {
    ChunkBuilder builder;
    const std::size_t count = 1 + random.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string body(random.below(2) == 0 ? random.below(8) : 250 + random.below(20), 'b');
      builder.append(random.below(3) == 0 ? bytes_of(small_meta) : Bytes{}, bytes_of(body));
    }
    Buffer mutated = Buffer::copy_of(builder.take().bytes());
    for (std::uint64_t flips = random.below(4); flips > 0; --flips) {
      std::byte& byte = mutated.writable()[random.below(mutated.size())];
      byte ^= static_cast<std::byte>(1U << random.below(8));
    }
    const Fault fault = check_chunk(mutated.bytes(), count, 300);
    if (fault.code != Code::ok) continue;
    ChunkReader reader(mutated.bytes());
    Entry entry;
    std::size_t read = 0;
    std::size_t size = 0;
    for (; reader.next(entry); ++read) size += entry.encoded_size;
    REQUIRE(read == count);
    REQUIRE(size == mutated.size());
  }
}
