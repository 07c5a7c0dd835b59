// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/meta.hpp"

#include <catch2/catch.hpp>

#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "core/random.hpp"

using namespace pawl;

namespace {

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Meta full_meta() {
  Meta meta;
  meta.key = std::string("k\0y", 3);
  meta.headers = {{"trace", "abc"}, {"ünï", ""}};
  meta.created = HubTime{1'700'000'000'000'000};
  meta.expires = HubTime{1'700'000'100'000'000};
  meta.dedup_id = "d";
  meta.reply_to = "answers";
  meta.origin = Origin{"orders", 3, 1ULL << 40};
  meta.history = {{HubTime{5}, "w1", "no such file", FailureKind::nack},
                  {HubTime{9}, "w2", "", FailureKind::death}};
  meta.history_dropped = 7;
  return meta;
}

// An entry around `meta`, through the hub's own check.
Code check_in_chunk(Bytes meta) {
  ChunkBuilder builder;
  builder.append(meta, {});
  return check_chunk(builder.take().bytes(), 1, 0).code;
}

Fault fault_of(std::string_view encoded) {
  const Buffer exact = Buffer::copy_of(bytes_of(encoded));
  const Result<Meta> meta = decode_meta(exact.bytes());
  return meta ? Fault{} : meta.fault();
}

}  // namespace

TEST_CASE("a meta is decoded to what was encoded") {
  const std::vector<std::byte> bytes = encode_meta(full_meta());
  CHECK(check_in_chunk(bytes) == Code::ok);
  const Result<Meta> decoded = decode_meta(bytes);
  REQUIRE(decoded);
  CHECK(*decoded == full_meta());
  CHECK(encode_meta(Meta{}).empty());
  REQUIRE(decode_meta({}));
  CHECK(*decode_meta({}) == Meta{});
}

TEST_CASE("fields that this version does not interpret are carried in their order") {
  const std::string_view bytes(
      "\x84\x07\x81\x01\x02\x41\x91\xc0\x01\xc4\x01k\xcd\x01\x00\xcb"
      "12345678",
      24);
  const Result<Meta> meta = decode_meta(bytes_of(bytes));
  REQUIRE(meta);
  CHECK(meta->key == "k");
  CHECK(meta->others_count == 3);
  const Result<Meta> again = decode_meta(encode_meta(*meta));
  REQUIRE(again);
  CHECK(*again == *meta);
}

TEST_CASE("a wrong field of a meta is a fault that names its key") {
  CHECK(fault_of("\x81\x01\xa1k").text.find("key 1:") != std::string::npos);
  CHECK(fault_of("\x82\x05\xc4\x01x\x05\xc4\x01y").text == "meta key 5: stands twice");
  CHECK(fault_of(std::string_view("\x81\x00\xc0", 3)).text == "meta key 0: is not defined");
  CHECK(fault_of("\x81\x0b\xc0").text == "meta key 11: is not defined");
  CHECK(fault_of("\x81\x03\xff").code == Code::bad_frame);  // a time before 1970
  CHECK(fault_of("\x81\x02\x82\xa1x\xa1y\xa1x\xa1z").code == Code::bad_frame);    // header twice
  CHECK(fault_of("\x81\x02\x81\xa1\xff\xa1y").code == Code::bad_frame);           // not UTF-8
  CHECK(fault_of("\x81\x09\x91\x94\x01\xa1w\xa1r\x06").code == Code::bad_frame);  // kind 6
  CHECK(fault_of("\x81\x08\x92\xa1q\x01").code == Code::bad_frame);               // origin of two
  CHECK(fault_of("\x80\xc0").code == Code::bad_frame);
  CHECK(fault_of("\x91\xc0").code == Code::bad_frame);
}

TEST_CASE("a meta has at most 64 headers and 32 failures") {
  Meta meta;
  for (int i = 0; i < 64; ++i) meta.headers.emplace(std::to_string(i), "v");
  meta.history.resize(32);
  CHECK(decode_meta(encode_meta(meta)));
  Meta headers = meta;
  headers.headers.emplace("one more", "v");
  CHECK_FALSE(decode_meta(encode_meta(headers)));
  meta.history.resize(33);
  CHECK_FALSE(decode_meta(encode_meta(meta)));
}

TEST_CASE("G3 a dead letter has its origin and history, and every other field as it was") {
  const Meta before = full_meta();
  const std::vector<Failure> history = {{HubTime{1}, "w", "first", FailureKind::timeout},
                                        {HubTime{2}, "w", "second", FailureKind::nack}};
  const Origin origin{"jobs", 0, 12};
  const auto bytes = dead_letter_meta(encode_meta(before), origin, history, 3);
  CHECK(check_in_chunk(bytes) == Code::ok);
  const Result<Meta> dead = decode_meta(bytes);
  REQUIRE(dead);
  Meta expected = before;
  expected.origin = origin;
  expected.history = history;
  expected.history_dropped = 3;
  CHECK(*dead == expected);
}

TEST_CASE("G3 a message with a wrong meta becomes a dead letter too") {
  const std::string_view wrong("\x82\x01\x05\x0b\xc0", 5);  // key 1 is no bin, key 11 unknown
  const std::vector<Failure> history = {{HubTime{1}, "w", "bad key", FailureKind::reject}};
  const auto bytes = dead_letter_meta(bytes_of(wrong), {"jobs", 0, 1}, history, 0);
  CHECK(check_in_chunk(bytes) == Code::ok);
  CHECK(bytes.size() > wrong.size());
}

TEST_CASE("G3 a history that does not fit loses its oldest failures and says how many") {
  std::vector<Failure> history;
  for (int i = 0; i < 40; ++i) {
    history.push_back(
        {HubTime{i}, std::string(128, 'w'), std::string(5000, 'r'), FailureKind::nack});
  }
  const Result<Meta> bounded = decode_meta(dead_letter_meta({}, {"q", 0, 1}, history, 2));
  REQUIRE(bounded);
  CHECK(bounded->history.size() == limits::history_max);
  CHECK(bounded->history.back().at.us == 39);
  CHECK(bounded->history.back().reason.size() == limits::reason_bytes_max);
  CHECK(bounded->history_dropped == 10);

  for (const std::size_t size : {40'000, 60'000, 65'300, 65'400, 65'527}) {
    Meta filled;
    filled.key.assign(size, 'k');
    const auto bytes = dead_letter_meta(encode_meta(filled), {"q", 0, 1}, history, 0);
    INFO(size);
    REQUIRE(bytes.size() <= limits::meta_bytes_max);
    REQUIRE(check_in_chunk(bytes) == Code::ok);
    const Result<Meta> meta = decode_meta(bytes);
    REQUIRE(meta);
    CHECK(meta->key.size() == size);
    if (meta->origin) CHECK(meta->history.size() + meta->history_dropped == 40);
  }
}

TEST_CASE("G8 metas mutated at random are refused or decoded, never worse") {
  Random random(3);
  const std::vector<std::byte> good = encode_meta(full_meta());
  std::size_t passed = 0;
  for (int round = 0; round < 30'000; ++round) {
    const std::size_t size = random.below(4) == 0 ? random.below(good.size()) : good.size();
    Buffer mutated = Buffer::copy_of(Bytes(good).first(size));
    for (std::uint64_t flips = random.below(4); flips > 0 && size > 0; --flips) {
      mutated.writable()[random.below(size)] ^= static_cast<std::byte>(1U << random.below(8));
    }
    const Result<Meta> meta = decode_meta(mutated.bytes());
    // A dead letter is made from whatever check_chunk lets through.
    if (size > 0 && check_in_chunk(mutated.bytes()) == Code::ok) {
      const auto dead = dead_letter_meta(mutated.bytes(), {"q", 0, 1}, {}, 0);
      REQUIRE(check_in_chunk(dead) == Code::ok);
    }
    if (!meta) continue;
    ++passed;
    REQUIRE(decode_meta(encode_meta(*meta)));
  }
  CHECK(passed > 100);
}
