// SPDX-License-Identifier: Apache-2.0
#include "core/protocol/codec.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "core/chunk/pack_writer.hpp"
#include "core/chunk/text.hpp"
#include "core/limits.hpp"
#include "core/protocol/names.hpp"
#include "tests/unit/codec_samples.hpp"

using namespace pawl;
using namespace pawl::protocol;

namespace {

constexpr auto command_last = static_cast<std::size_t>(Command::bye);

Fault fault_of(Bytes header) {
  const Result<Message> message = decode(header);
  return message ? Fault{} : message.fault();
}

// Decodes `text` in a block of exactly its size, so that an address sanitizer sees a read past it.
Fault fault_of(const std::string& text) {
  return fault_of(Buffer::copy_of(std::as_bytes(std::span(text))).bytes());
}

// [1, command, {fields}] with the fields given encoded.
std::string header(Command command, unsigned fields, const std::string& encoded) {
  const char head[] = {'\x93', '\x01', static_cast<char>(command),
                       static_cast<char>(0x80 | fields)};
  return std::string(head, sizeof head) + encoded;
}

// One row of a SETTLE, with 5 to 7 columns.
std::string settle_with(const std::string& row) {
  return header(Command::settle, 3, std::string("\x00\x01\x01\x01\x02\x91", 6) + row);
}

}  // namespace

TEST_CASE("what is encoded is decoded to the same value, for every command") {
  Random random(1);
  for (std::size_t command = 1; command <= command_last; ++command) {
    for (int round = 0; round < 300; ++round) {
      const Message message = samples::of(static_cast<Command>(command), random);
      REQUIRE(message.index() + 1 == command);
      const std::vector<std::byte> bytes = encode(message);
      REQUIRE(bytes.size() <= limits::header_bytes_max);
      const Result<Message> decoded = decode(bytes);
      INFO(name_of(static_cast<Command>(command)));
      INFO((decoded ? "" : decoded.fault().text));
      REQUIRE(decoded);
      REQUIRE(*decoded == message);
      REQUIRE(encode(*decoded) == bytes);
    }
  }
}

TEST_CASE("a beat is at most 64 bytes") {
  const std::uint64_t most = ~std::uint64_t{0} >> 1;
  CHECK(encode(Beat{most, most, most, most}).size() <= 64);
}

TEST_CASE("frames follow SEND, one a part, DELIVER, one or several rows each, and a good REPLY") {
  Send send;
  send.parts.resize(3);
  Deliver deliver;
  deliver.rows.resize(2);
  CHECK(frames_expected(send) == 3);
  CHECK(frames_expected(deliver) == 2);
  deliver.rows[1].flags = deliver_flags::with_previous;
  CHECK(frames_expected(deliver) == 1);
  CHECK(frames_expected(Reply{}) == 1);
  CHECK(frames_expected(Reply{1, Code::denied, "", false}) == 0);
  CHECK(frames_expected(Bye{}) == 0);
}

TEST_CASE("a fault names the command, the field and the row") {
  Settle settle{1, 1, {{}, {}, {}, {}}};
  for (Settle::Row& row : settle.rows) row = {Verb::ack, 1, 0, 0, 1, {}, ""};
  settle.rows[3].verb = static_cast<Verb>(9);
  const Fault fault = fault_of(encode(settle));
  CHECK(fault.code == Code::bad_frame);
  CHECK(fault.text == "SETTLE field 2, row 3: verb 9 is not defined");
}

TEST_CASE("another version or an unknown command is unsupported, not garbage") {
  CHECK(fault_of(std::string("\x93\x02\x0c\x80", 4)).code == Code::unsupported);
  CHECK(fault_of(std::string("\x91\x07", 2)).code == Code::unsupported);
  CHECK(fault_of(std::string("\x93\x01\x13\x80", 4)).code == Code::unsupported);
  CHECK(fault_of(std::string("\x93\x01\x00\x80", 4)).code == Code::unsupported);
}

TEST_CASE("G8 a header that is not an array of version, command and fields is refused") {
  CHECK(fault_of(std::string()).code == Code::bad_frame);
  CHECK(fault_of(std::string("\x90", 1)).code == Code::bad_frame);
  CHECK(fault_of(std::string("\x92\x01\x12", 3)).code == Code::bad_frame);
  CHECK(fault_of(std::string("\x94\x01\x12\x80\xc0", 5)).code == Code::bad_frame);
  CHECK(fault_of(std::string("\x93\xa1x\x12\x80", 5)).code == Code::bad_frame);
  CHECK(fault_of(std::string("\x93\x01\x12\x90", 4)).code == Code::bad_frame);
  CHECK(fault_of(header(Command::bye, 0, "\xc0")).code == Code::bad_frame);
  CHECK(fault_of(std::string(limits::header_bytes_max + 1, '\x93')).code == Code::too_large);
}

TEST_CASE("integers are taken in every width that MessagePack has") {
  for (const std::string& one :
       {std::string("\x01"), std::string("\xcc\x01"), std::string("\xcd\0\x01", 3),
        std::string("\xce\0\0\0\x01", 5), std::string("\xcf\0\0\0\0\0\0\0\x01", 9),
        std::string("\xd0\x01"), std::string("\xd1\0\x01", 3), std::string("\xd2\0\0\0\x01", 5),
        std::string("\xd3\0\0\0\0\0\0\0\x01", 9)}) {
    const std::string frame = header(Command::recall, 2, std::string("\0", 1) + one + one + one);
    const Result<Message> message = decode(std::as_bytes(std::span(frame)));
    REQUIRE(message);
    CHECK(std::get<Recall>(*message) == Recall{1, 1});
  }
  CHECK(fault_of(header(Command::recall, 1, std::string("\0\xff", 2))).code == Code::bad_frame);
  CHECK(fault_of(header(Command::recall, 1, std::string("\0\xd0\xff", 3))).code == Code::bad_frame);
  CHECK(fault_of(header(Command::recall, 1, std::string("\0\xcb\0\0\0\0\0\0\0\0", 10))).code ==
        Code::bad_frame);
}

TEST_CASE("unknown fields are skipped from 64 on, refused below, and never stand twice") {
  const std::string handle("\0\x01", 2);
  CHECK(fault_of(header(Command::recall, 2,
                        handle + "\x40\x92\x81\x01\xc0\xcb"
                                 "12345678"))
            .text == "");
  CHECK(fault_of(header(Command::recall, 2, handle + "\xcd\x01\0\xc1")).code == Code::bad_frame);
  CHECK(fault_of(header(Command::recall, 2, handle + "\x40\x91\x91\x01")).text == "");
  CHECK(fault_of(header(Command::recall, 2, handle + "\x40\x91\x91\x91\x01")).code ==
        Code::bad_frame);  // depth 5
  const Fault unknown = fault_of(header(Command::recall, 2, handle + "\x3f\x01"));
  CHECK(unknown.text == "RECALL field 63: is not defined; only fields from 64 on may be unknown");
  CHECK(fault_of(header(Command::recall, 2, handle + handle)).text ==
        "RECALL field 0: stands twice");
  std::string many;
  for (int field = 64; field < 97; ++field)
    many += std::string(1, static_cast<char>(field)) + "\xc0";
  const std::string too_many = std::string("\x93\x01\x12\xde\0\x21", 6) + many;
  CHECK(fault_of(too_many).code == Code::bad_frame);
}

TEST_CASE("trailing columns of a SETTLE may be left out, others not") {
  const std::string five("\x01\x07\x00\x05\x02", 5);
  CHECK(fault_of(settle_with("\x95" + five)).text == "");
  CHECK(fault_of(settle_with("\x96" + five + "\xc0")).text == "");
  CHECK(fault_of(settle_with("\x97" + five + "\x0a\xa3why")).text == "");
  CHECK(fault_of(settle_with("\x98" + five + "\x0a\xa3why\xc0")).code == Code::bad_frame);
  CHECK(fault_of(settle_with(std::string("\x94\x01\x07\x00\x05", 5))).code == Code::bad_frame);
}

TEST_CASE("values out of their range are refused") {
  const std::uint64_t most = ~std::uint64_t{0} >> 1;
  const auto refused = [](const Message& message) { return fault_of(encode(message)).code; };
  CHECK(refused(Credit{0, 1, 1}) == Code::bad_frame);
  CHECK(refused(Beat{0, 0, 0, 0}) == Code::bad_frame);
  CHECK(refused(Send{{{1, 0, 0, 1, 1, 0, 0, 0}}, false}) == Code::bad_frame);     // floor 0
  CHECK(refused(Send{{{1, 0, 3, 2, 1, 0, 0, 0}}, false}) == Code::bad_frame);     // floor > seq
  CHECK(refused(Send{{{1, 0, 1, 1, 0, 0, 0, 0}}, false}) == Code::bad_frame);     // count 0
  CHECK(refused(Send{{{1, 0, 1, 1, 4097, 0, 0, 0}}, false}) == Code::bad_frame);  // count
  CHECK(refused(Send{{{1, 0, 1, most, 2, 0, 0, 0}}, false}) == Code::bad_frame);  // overflow
  CHECK(refused(Send{{{1, 0, 1, 1, 1, 1, 0, 0}}, false}) == Code::unsupported);   // lane
  CHECK(refused(Send{{{1, 0, 1, 1, 1, 0, 5, 0}}, false}) == Code::unsupported);   // deliver_at
  CHECK(refused(Send{{{1, 0, 1, 1, 1, 0, 0, 4}}, false}) == Code::unsupported);   // flag
  CHECK(refused(Send{{{1, 0, 1, 1, 1, 0, 0, 0}}, true}) == Code::unsupported);    // atomic
  CHECK(refused(Send{}) == Code::bad_frame);
  CHECK(refused(Settle{1, 1, {}}) == Code::bad_frame);
  CHECK(refused(Settle{1, 1, {{Verb::ack, 1, 0, most, 1, {}, ""}}}) == Code::bad_frame);
  CHECK(refused(Settle{1, 1, {{Verb::ack, 1, 0, 1, 0, {}, ""}}}) == Code::bad_frame);
  CHECK(refused(Settle{1, 1, {{Verb::nack, 1, 0, 1, 1, most, ""}}}) == Code::bad_frame);
  CHECK(refused(Hello{}) == Code::bad_frame);
  CHECK(refused(Open{1, "q", Role::producer, "", "", false, 0, Durability::memory}) ==
        Code::bad_frame);  // no source
  CHECK(refused(Open{1, "q", Role::worker, "", "", false, 0, Durability::memory}) == Code::ok);
  CHECK(refused(Open{1, std::string(129, 'q'), Role::worker, "", "", false, 0,
                     Durability::memory}) == Code::bad_frame);
  CHECK(refused(Error{static_cast<Code>(400), "", 0, 0}) == Code::bad_frame);
  CHECK(refused(Error{Code::ok, "", 0, 0}) == Code::bad_frame);
  CHECK(refused(Welcome{}) == Code::bad_frame);
}

TEST_CASE("a reason of any bytes and size arrives as a text that every decoder takes") {
  std::string reason = "caf\xc3\xa9 \xff\xfe";
  reason.append(2000, '\xe2');
  const Settle settle{1, 1, {{Verb::nack, 1, 0, 0, 1, {}, reason}}};
  const std::vector<std::byte> frame = encode(settle);
  const Result<Message> decoded = decode(frame);
  REQUIRE(decoded);
  const std::string_view arrived = std::get<Settle>(*decoded).rows[0].reason;
  CHECK(arrived.size() == limits::reason_bytes_max);
  CHECK(arrived.substr(0, 9) == "caf\xc3\xa9 ???");
  CHECK(clean_text("ab\xe2\x82\xac", 4) == "ab");  // never half a character
}

TEST_CASE("G8 a list takes no memory for rows that the frame does not hold") {
  // DELIVER with an array32 of 2^31 rows, then HELLO with as many versions: ten bytes follow.
  const std::string claim(
      "\xdd\x80\0\0\0"
      "0123456789",
      15);
  CHECK(fault_of(header(Command::deliver, 1, "\x03" + claim)).code == Code::bad_frame);
  CHECK(fault_of(header(Command::hello, 1, std::string("\0", 1) + claim)).code == Code::bad_frame);
  // 1,024 rows are allowed, but not with ten bytes left.
  const std::string rows(
      "\xdc\x04\0"
      "0123456789",
      13);
  CHECK(fault_of(header(Command::settle, 1, "\x02" + rows)).code == Code::bad_frame);
}

TEST_CASE("G8 every truncation of a valid header is refused") {
  Random random(7);
  for (std::size_t command = 1; command <= command_last; ++command) {
    for (int round = 0; round < 3; ++round) {
      const auto bytes = encode(samples::of(static_cast<Command>(command), random));
      const std::size_t step = bytes.size() > 2000 ? 97 : 1;
      for (std::size_t size = 0; size < bytes.size(); size += step) {
        REQUIRE(fault_of(Buffer::copy_of(Bytes(bytes).first(size)).bytes()).code ==
                Code::bad_frame);
      }
    }
  }
}

TEST_CASE("G8 bit flips never break the decoder, and what passes can be encoded again") {
  Random random(99);
  std::size_t passed = 0;
  for (int round = 0; round < 60'000; ++round) {
    const auto command = static_cast<Command>(1 + random.below(command_last));
    const auto bytes = encode(samples::of(command, random));
    if (bytes.size() > 4000) continue;
    Buffer mutated = Buffer::copy_of(bytes);
    for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
      mutated.writable()[random.below(mutated.size())] ^=
          static_cast<std::byte>(1 << random.below(8));
    }
    const Result<Message> message = decode(mutated.bytes());
    if (!message) {
      REQUIRE_FALSE(message.fault().text.empty());
      REQUIRE(is_utf8(message.fault().text));
      continue;
    }
    ++passed;
    const auto again = encode(*message);
    const Result<Message> twice = decode(again);
    REQUIRE(twice);
    REQUIRE(*twice == *message);
  }
  CHECK(passed > 1000);
}

TEST_CASE("G8 random bytes behind a good head never break the decoder") {
  Random random(5);
  for (int round = 0; round < 60'000; ++round) {
    std::string frame = header(static_cast<Command>(1 + random.below(command_last)),
                               static_cast<unsigned>(random.below(4)), "");
    for (std::uint64_t left = random.below(60); left > 0; --left) {
      frame += static_cast<char>(random.below(3) == 0 ? random.below(8) : random.next());
    }
    const Fault fault = fault_of(frame);
    REQUIRE((fault.code == Code::ok || !fault.text.empty()));
  }
}

TEST_CASE("a queue name is 1 to 128 letters, digits, dots, underscores and dashes") {
  for (const std::string_view good : {"q", "orders.dead", "A-Z_0.9"}) {
    CHECK(check_queue_name(good).code == Code::ok);
  }
  CHECK(check_queue_name(std::string(128, 'x')).code == Code::ok);
  for (const std::string& bad :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a/b"),
        std::string("\xc3\xa9"), std::string("a\0", 2)}) {
    const Fault fault = check_queue_name(bad);
    CHECK(fault.code == Code::bad_name);
    CHECK(fault.text.find("1 to 128") != std::string::npos);
  }
  CHECK(check_queue_name("a\x1b[31m").text.find("byte 0x1b at position 2") != std::string::npos);
}

TEST_CASE("rows stay within the bytes that senders reckon with, and 1,024 of them fit a header") {
  const std::uint64_t most = ~std::uint64_t{0} >> 2;
  const std::uint32_t most32 = ~std::uint32_t{0};
  const std::string reason(limits::reason_bytes_max, 'r');
  const Settle::Row row{Verb::extend, most, most32, most, most, most, reason};
  const std::size_t one = encode(Settle{most32, most, {row}}).size();
  const std::size_t two = encode(Settle{most32, most, {row, row}}).size();
  CHECK(two - one <= encoded_bytes_max(row));
  CHECK(one <= header_overhead_max + encoded_bytes_max(row));

  const Refuse::Row refused{most, most, Code::full, reason, most32};
  const std::size_t one_refused = encode(Refuse{most32, {refused}}).size();
  CHECK(encode(Refuse{most32, {refused, refused}}).size() - one_refused <=
        encoded_bytes_max(refused));

  Settle settle{most32, most, {}};
  settle.rows.assign(limits::rows_max, {Verb::extend, most, most32, most, most, most, ""});
  CHECK(encode(settle).size() <= limits::header_bytes_max);
  Hello hello;
  hello.versions = {1};
  hello.held.assign(limits::held_ranges_max, {most32, most, {most32, most, most}});
  CHECK(encode(hello).size() <= limits::header_bytes_max);
}
