// SPDX-License-Identifier: Apache-2.0
// The frame and the commands of sessions and queues. decode_rows.cpp has those that carry messages.
#include "core/protocol/decode.hpp"

#include "core/limits.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::protocol {

namespace {

constexpr FieldReader::Shape versions_shape{"versions", 1, 16, 0};
constexpr FieldReader::Shape held_shape{"held ranges", 0, limits::held_ranges_max, 5};
constexpr FieldReader::Shape known_shape{"known ranges", 0, limits::rows_max, 2};

Hello::Held read_held(FieldReader& in) {
  Hello::Held held;
  held.handle = in.number32("handle", 1);
  held.lease = in.number("lease", 1, u64_max);
  held.range = read_range(in);
  return held;
}

SequenceRange read_known(FieldReader& in) {
  SequenceRange range;
  range.first = in.number("first", 1, u63_max);
  range.length = in.number("length", 1, u63_max);
  in.sum_fits("first + length", range.first, range.length);
  return range;
}

void read_field(FieldReader& in, Hello& hello) {
  switch (in.field()) {
    case 0: return in.numbers(hello.versions, versions_shape, 1);
    case 1: hello.peer = in.text("peer", limits::name_bytes_max); return;
    case 2:
      if (!in.nil()) hello.token = in.bytes16("token");
      return;
    case 3: hello.capabilities = in.number("capabilities", 0, u64_max); return;
    case 4: hello.slots = in.number32("slots"); return;
    case 5: hello.got = in.number("got", 0, u63_max); return;
    case 6: return in.rows(hello.held, held_shape, read_held);
    case 7: hello.number = in.number("number", 0, u63_max); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Hello&) {
  in.require(0, "versions");
}

void read_field(FieldReader& in, Welcome& welcome) {
  switch (in.field()) {
    case 0: welcome.version = in.number("version", 1, u64_max); return;
    case 1: welcome.store_id = in.bytes16("store_id"); return;
    case 2: welcome.boot = in.number("boot", 0, u64_max); return;
    case 3: welcome.token = in.bytes16("token"); return;
    case 4: welcome.resumed = in.boolean("resumed"); return;
    case 5: welcome.lease_ms = in.number32("lease_ms", 1); return;
    case 6: welcome.beat_ms = in.number32("beat_ms", 1); return;
    case 7: welcome.body_bytes_max = in.number32("body_bytes_max", 1); return;
    case 8: welcome.chunk_bytes_aim = in.number32("chunk_bytes_aim", 1); return;
    case 9: welcome.chunk_messages_max = in.number32("chunk_messages_max", 1); return;
    case 10: welcome.hub_time_us = in.instant("hub_time_us"); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Welcome&) {
  in.require(0, "version");
  in.require(1, "store_id");
  in.require(3, "token");
  in.require(5, "lease_ms");
  in.require(6, "beat_ms");
  in.require(7, "body_bytes_max");
  in.require(8, "chunk_bytes_aim");
  in.require(9, "chunk_messages_max");
}

void read_field(FieldReader& in, Open& open) {
  switch (in.field()) {
    case 0: open.handle = in.number32("handle", 1); return;
    case 1: open.name = in.text("name", limits::name_bytes_max); return;
    case 2: open.role = in.one_of("role", Role::producer, Role::pipe); return;
    case 3: open.group = in.text("group", limits::name_bytes_max); return;
    case 4: open.source = in.text("source", limits::name_bytes_max); return;
    case 5: open.anonymous = in.boolean("anonymous"); return;
    case 6: open.epoch = in.number("epoch", 0, u63_max); return;
    case 7:
      open.durability = in.one_of("durability", Durability::memory, Durability::replicated);
      return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Open& open) {
  in.require(0, "handle");
  in.require(1, "name");
  in.require(2, "role");
  if (open.role == Role::producer && open.source.empty()) {
    in.refuse("role producer needs a source (field 4), the name that its sequence belongs to");
  }
}

void read_field(FieldReader& in, Opened& opened) {
  switch (in.field()) {
    case 0: opened.handle = in.number32("handle", 1); return;
    case 1: opened.epoch = in.number("epoch", 0, u63_max); return;
    case 2: opened.floor = in.number("floor", 1, u63_max); return;
    case 3: return in.rows(opened.known, known_shape, read_known);
    case 4:
      opened.durability = in.one_of("durability", Durability::memory, Durability::replicated);
      return;
    case 5: opened.handler_timeout_ms = in.number32("handler_timeout_ms"); return;
    case 6: opened.max_attempts = in.number32("max_attempts"); return;
    case 7: opened.body_bytes_max = in.number32("body_bytes_max"); return;
    case 8: opened.backoff_initial_ms = in.number32("backoff_initial_ms"); return;
    case 9: opened.forgotten = in.boolean("forgotten"); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Opened&) {
  in.require(0, "handle");
}

void read_field(FieldReader& in, Beat& beat) {
  switch (in.field()) {
    case 0: beat.number = in.number("number", 1, u63_max); return;
    case 1: beat.echo = in.number("echo", 0, u63_max); return;
    case 2: beat.received_upto = in.number("received_upto", 0, u63_max); return;
    case 3: beat.settled_upto = in.number("settled_upto", 0, u63_max); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Beat&) {
  in.require(0, "number");
}

void read_field(FieldReader& in, Query& query) {
  switch (in.field()) {
    case 0: query.id = in.number("id", 0, u64_max); return;
    case 1: query.what = in.text("what", limits::name_bytes_max); return;
    case 2: query.after = in.text("after", limits::name_bytes_max); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Query&) {
  in.require(1, "what");
}

void read_field(FieldReader& in, Reply& reply) {
  switch (in.field()) {
    case 0: reply.id = in.number("id", 0, u64_max); return;
    case 1: reply.code = in.code("code", true); return;
    case 2: reply.text = in.text("text", limits::reason_bytes_max); return;
    case 3: reply.more = in.boolean("more"); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader&, const Reply&) {}

void read_field(FieldReader& in, Error& error) {
  switch (in.field()) {
    case 0: error.code = in.code("code", false); return;
    case 1: error.text = in.text("text", limits::reason_bytes_max); return;
    case 2: error.about = in.number("about", 0, u63_max); return;
    case 3: error.handle = in.number32("handle"); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Error&) {
  in.require(0, "code");
}

void read_field(FieldReader& in, GoAway& goaway) {
  switch (in.field()) {
    case 0: goaway.reason = in.text("reason", limits::reason_bytes_max); return;
    case 1: goaway.retry_after_ms = in.number32("retry_after_ms"); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader&, const GoAway&) {}

void read_field(FieldReader& in, Bye&) {
  in.unknown_field();
}
void check_whole(FieldReader&, const Bye&) {}

template <class Command>
Result<Message> decode_as(FieldReader& in) {
  Command command;
  if (in.begin()) {
    while (in.next_field()) read_field(in, command);
  }
  in.finish();
  if (in.good()) check_whole(in, command);
  if (!in.good()) return in.fault();
  return Message(std::move(command));
}

Result<Message> decode_command(FieldReader& in, Command command) {
  switch (command) {
    case Command::hello: return decode_as<Hello>(in);
    case Command::welcome: return decode_as<Welcome>(in);
    case Command::open: return decode_as<Open>(in);
    case Command::opened: return decode_as<Opened>(in);
    case Command::send: return decode_as<Send>(in);
    case Command::confirm: return decode_as<Confirm>(in);
    case Command::refuse: return decode_as<Refuse>(in);
    case Command::credit: return decode_as<Credit>(in);
    case Command::deliver: return decode_as<Deliver>(in);
    case Command::settle: return decode_as<Settle>(in);
    case Command::settled: return decode_as<Settled>(in);
    case Command::beat: return decode_as<Beat>(in);
    case Command::recall: return decode_as<Recall>(in);
    case Command::query: return decode_as<Query>(in);
    case Command::reply: return decode_as<Reply>(in);
    case Command::error: return decode_as<Error>(in);
    case Command::goaway: return decode_as<GoAway>(in);
    case Command::bye: return decode_as<Bye>(in);
  }
  return Fault{Code::unsupported, "header: command " +
                                      std::to_string(static_cast<unsigned>(command)) +
                                      " is not defined in PAWL/1"};
}

}  // namespace

Result<Message> decode(Bytes header) {
  if (header.size() > limits::header_bytes_max) {
    return Fault{Code::too_large, "header: " + std::to_string(header.size()) + " bytes, at most " +
                                      std::to_string(limits::header_bytes_max) + " are allowed"};
  }
  PackCursor cursor(header);
  std::uint32_t elements = 0;
  std::uint64_t version_number = 0;
  std::uint64_t command = 0;
  if (!cursor.read_array(elements) || elements == 0 || !cursor.read_uint(version_number)) {
    return Fault{Code::bad_frame, "header: must be the MessagePack array [1, command, {fields}]"};
  }
  if (version_number != version) {
    return Fault{Code::unsupported, "header: version " + std::to_string(version_number) +
                                        " is not spoken here, PAWL/1 begins with 1"};
  }
  if (elements != 3 || !cursor.read_uint(command)) {
    return Fault{Code::bad_frame, "header: must be the MessagePack array [1, command, {fields}]"};
  }
  if (command < 1 || command > static_cast<std::uint64_t>(Command::bye)) {
    return Fault{Code::unsupported,
                 "header: command " + std::to_string(command) + " is not defined in PAWL/1"};
  }
  FieldReader in({cursor.position(), cursor.left()}, static_cast<Command>(command));
  return decode_command(in, static_cast<Command>(command));
}

}  // namespace pawl::protocol
