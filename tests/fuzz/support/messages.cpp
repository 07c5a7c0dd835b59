// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/support/messages.hpp"

#include <array>

#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::fuzzing {

using namespace protocol;

namespace {

constexpr std::uint64_t u32_most = UINT32_MAX;
constexpr std::uint64_t u63_most = INT64_MAX;
constexpr std::size_t kept_max = 8;

std::uint32_t number32(Input& in, std::uint64_t least = 0) {
  return static_cast<std::uint32_t>(in.number(least, u32_most));
}
std::uint64_t number63(Input& in, std::uint64_t least = 0) {
  return in.number(least, u63_most);
}
std::uint32_t handle(Input& in) {
  return in.byte() < 0xF0 ? 1 + static_cast<std::uint32_t>(in.pick(3)) : number32(in, 1);
}

std::string_view name(Input& in) {
  static constexpr std::array<std::string_view, 8> names{
      "orders", "orders.dead", "other", "other.dead", "a b", "", "strict", "small"};
  return names.at(in.pick(names.size()));
}
std::string_view source(Input& in) {
  static constexpr std::array<std::string_view, 4> names{"alice", "bob", "carol", "\xc3\xa9"};
  return names.at(in.pick(names.size()));
}
std::string_view words(Input& in) {
  static const std::string longest(limits::reason_bytes_max, 'x');
  static const std::array<std::string_view, 4> texts{"", "no stock", "\x1b[31m", longest};
  return texts.at(in.pick(texts.size()));
}

// first + length must not pass 2^63 − 1: the decoder would refuse it.
std::uint64_t length_after(Input& in, std::uint64_t first) {
  return in.number(1, std::max<std::uint64_t>(1, u63_most - first));
}

template <class Value>
Value one_of(const std::vector<Value>& heard, Input& in, Value otherwise) {
  return heard.empty() ? otherwise : heard[in.pick(heard.size())];
}

Bytes16 token(Input& in, const Heard& heard) {
  Bytes16 none{};
  none[0] = static_cast<std::byte>(in.byte());
  return (in.byte() & 7) != 7 ? one_of(heard.tokens, in, none) : none;
}

// What some DELIVER carried, or near it, or anything.
Range held_range(Input& in, const Heard& heard, std::uint64_t& lease) {
  Range range{0, number63(in) % u63_most, 1};
  lease = in.number(1, UINT64_MAX);
  if (!heard.delivers.empty() && in.byte() < 0xF0) {
    const Deliver& deliver = heard.delivers[in.pick(heard.delivers.size())];
    const Deliver::Row& row = deliver.rows[in.pick(deliver.rows.size())];
    lease = deliver.lease;
    const std::uint32_t first = static_cast<std::uint32_t>(in.pick(256)) % row.count;
    range.offset = row.offset + first;
    range.length = in.flag() ? row.count - first : 1;
  } else {
    range.length = length_after(in, range.offset);
  }
  return range;
}

Hello hello(Input& in, const Heard& heard) {
  Hello message;
  message.versions = {1};
  if (in.byte() == 0xFF) message.versions = {in.number(1, UINT64_MAX)};
  message.peer = source(in);
  if (in.flag()) message.token = token(in, heard);
  message.slots = number32(in);
  message.got = number63(in);
  for (std::size_t rows = in.pick(4); rows > 0; --rows) {
    Hello::Held held;
    held.handle = handle(in);
    held.range = held_range(in, heard, held.lease);
    message.held.push_back(held);
  }
  return message;
}

Welcome welcome(Input& in) {
  Welcome message;
  if (in.byte() == 0xFF) message.version = in.number(1, UINT64_MAX);
  message.store_id[0] = static_cast<std::byte>(in.pick(3));
  message.boot = in.number();
  message.token[0] = static_cast<std::byte>(in.pick(3));
  message.resumed = in.flag();
  message.lease_ms = number32(in, 1);
  message.beat_ms = number32(in, 1);
  message.body_bytes_max = number32(in, 1);
  message.chunk_bytes_aim = number32(in, 1);
  message.chunk_messages_max = number32(in, 1);
  message.hub_time_us = static_cast<std::int64_t>(number63(in));
  return message;
}

Open open(Input& in, const Heard& heard) {
  Open message;
  message.handle = handle(in);
  message.name = name(in);
  message.role = in.byte() < 0xF8 ? static_cast<Role>(1 + in.pick(2)) : Role::reader;
  if (in.byte() == 0xFF) message.group = "group";
  message.source = source(in);
  message.anonymous = in.flag();
  if (in.flag()) message.epoch = one_of<std::uint64_t>(heard.epochs, in, number63(in));
  message.durability = static_cast<Durability>(in.byte() < 0xF8 ? 1 + in.pick(3) : 4);
  return message;
}

Opened opened(Input& in) {
  Opened message;
  message.handle = handle(in);
  message.epoch = number63(in);
  message.floor = number63(in, 1);
  for (std::size_t rows = in.pick(4); rows > 0; --rows) {
    const std::uint64_t first = in.number(1, u63_most - 1);
    message.known.push_back({first, length_after(in, first)});
  }
  message.durability = static_cast<Durability>(1 + in.pick(4));
  message.handler_timeout_ms = number32(in);
  message.max_attempts = number32(in);
  message.body_bytes_max = number32(in);
  message.backoff_initial_ms = number32(in);
  message.forgotten = in.flag();
  return message;
}

Send send(Input& in, const Heard& heard) {
  Send message;
  for (std::size_t rows = 1 + in.pick(3); rows > 0; --rows) {
    Send::Part part;
    part.handle = handle(in);
    part.epoch = one_of<std::uint64_t>(heard.epochs, in, number63(in));
    part.seq = in.number(1, u63_most - limits::chunk_messages_max);
    part.floor = in.number(1, part.seq);
    part.count = static_cast<std::uint32_t>(in.number(1, limits::chunk_messages_max));
    part.flags = static_cast<std::uint32_t>(in.pick(4));
    message.parts.push_back(part);
  }
  return message;
}

Confirm confirm(Input& in) {
  Confirm message;
  message.handle = handle(in);
  message.durability = static_cast<Durability>(1 + in.pick(4));
  for (std::size_t rows = 1 + in.pick(3); rows > 0; --rows) {
    Confirm::Row row;
    row.seq = in.number(1, u63_most - 1);
    row.offset = in.number(0, u63_most - 1);
    row.length = length_after(in, std::max(row.seq, row.offset));
    row.duplicate = in.flag();
    message.rows.push_back(row);
  }
  return message;
}

Code any_code(Input& in) {
  static constexpr std::array codes{
      Code::bad_frame, Code::unsupported, Code::too_large,     Code::denied,
      Code::full,      Code::no_space,    Code::retry,         Code::draining,
      Code::stale,     Code::fenced,      Code::gone,          Code::already_settled,
      Code::no_queue,  Code::bad_name,    Code::no_durability, Code::unknown_session};
  const std::uint8_t choice = in.byte();
  if (choice < 0xF0) return codes[choice % codes.size()];
  return static_cast<Code>(in.number(100, 399));
}

Refuse refuse(Input& in) {
  Refuse message;
  message.handle = handle(in);
  for (std::size_t rows = 1 + in.pick(3); rows > 0; --rows) {
    Refuse::Row row;
    row.seq = in.number(1, u63_most - 1);
    row.length = length_after(in, row.seq);
    row.code = any_code(in);
    row.text = words(in);
    row.retry_after_ms = number32(in);
    message.rows.push_back(row);
  }
  return message;
}

Deliver deliver(Input& in) {
  Deliver message;
  message.handle = handle(in);
  message.number = number63(in, 1);
  message.lease = in.number(1, UINT64_MAX);
  for (std::size_t rows = 1 + in.pick(3); rows > 0; --rows) {
    Deliver::Row row;
    row.offset = in.number(0, u63_most - limits::chunk_messages_max);
    row.count = static_cast<std::uint32_t>(in.number(1, limits::chunk_messages_max));
    row.attempt = number32(in, 1);
    row.flags = static_cast<std::uint32_t>(in.pick(message.rows.empty() ? 4 : 8));
    message.rows.push_back(row);
  }
  return message;
}

Settle settle(Input& in, const Heard& heard) {
  constexpr std::uint64_t delay_ms_max = 315'360'000'000;
  Settle message;
  message.handle = handle(in);
  message.number = number63(in, 1);
  for (std::size_t rows = 1 + in.pick(3); rows > 0; --rows) {
    Settle::Row row;
    const Range range = held_range(in, heard, row.lease);
    row.verb = static_cast<Verb>(1 + in.pick(5));
    row.offset = range.offset;
    row.length = range.length;
    if (in.flag()) row.delay_ms = in.number(0, delay_ms_max);
    row.reason = words(in);
    message.rows.push_back(row);
  }
  return message;
}

Settled settled(Input& in, const Heard& heard) {
  Settled message;
  message.handle = handle(in);
  message.upto = number63(in);
  for (std::size_t rows = in.pick(3); rows > 0; --rows) {
    Settled::Exception exception;
    exception.range = held_range(in, heard, exception.lease);
    exception.code = any_code(in);
    message.exceptions.push_back(exception);
  }
  return message;
}

}  // namespace

Message any_message(std::size_t command, Input& in, const Heard& heard) {
  switch (static_cast<Command>(command)) {
    case Command::hello: return hello(in, heard);
    case Command::welcome: return welcome(in);
    case Command::open: return open(in, heard);
    case Command::opened: return opened(in);
    case Command::send: return send(in, heard);
    case Command::confirm: return confirm(in);
    case Command::refuse: return refuse(in);
    case Command::credit: return Credit{handle(in), number63(in), number63(in)};
    case Command::deliver: return deliver(in);
    case Command::settle: return settle(in, heard);
    case Command::settled: return settled(in, heard);
    case Command::beat: return Beat{number63(in, 1), number63(in), number63(in), number63(in)};
    case Command::recall: return Recall{handle(in), number63(in)};
    case Command::query: return Query{in.number(), in.byte() < 0xF8 ? "stat" : "peek", name(in)};
    case Command::reply:
      return Reply{in.number(), in.flag() ? Code::ok : any_code(in), words(in), in.flag()};
    case Command::error: return Error{any_code(in), words(in), in.pick(20), handle(in)};
    case Command::goaway: return GoAway{words(in), number32(in)};
    default: return Bye{};
  }
}

Slice any_chunk(std::size_t count, Input& in) {
  const std::uint8_t choice = in.byte();
  if (choice >= 0xF8) return Buffer::copy_of(bytes_of(in.text(in.byte())));
  ChunkBuilder builder;
  // Now and then a body that is a chunk of its own, so that frames are adopted, caches filled.
  const bool is_large = choice >= 0xF0 && count <= 3;
  const std::size_t size = is_large ? 40'000 : choice % 16;
  const std::vector<std::byte> body(size, std::byte{'b'});
  const std::vector<std::byte> meta =
      choice % 8 == 7 ? bytes_of(in.text(in.pick(32))) : std::vector<std::byte>{};
  const bool is_off_by_one = choice == 0xEF;
  for (std::size_t i = is_off_by_one ? 1 : 0; i < count; ++i) builder.append(meta, body);
  return builder.empty() ? Slice(Buffer::copy_of({})) : builder.take();
}

std::vector<Slice> any_frames(const Message& message, Input& in) {
  std::vector<Slice> frames;
  if (const auto* send = std::get_if<Send>(&message)) {
    for (const auto& part : send->parts) frames.push_back(any_chunk(part.count, in));
  } else if (const auto* deliver = std::get_if<Deliver>(&message)) {
    std::size_t count = 0;
    for (auto row = deliver->rows.rbegin(); row != deliver->rows.rend(); ++row) {
      count += row->count;
      if (is_with_previous(*row)) continue;
      frames.insert(frames.begin(), any_chunk(std::exchange(count, 0), in));
    }
  } else if (frames_expected(message) == 1) {
    frames.push_back(any_chunk(1, in));
  }
  return frames;
}

void Heard::note(const Message& message) {
  const auto keep = [](auto& list, const auto& value) {
    if (list.size() >= kept_max) list.erase(list.begin());
    list.push_back(value);
  };
  if (const auto* welcome = std::get_if<Welcome>(&message)) keep(tokens, welcome->token);
  if (const auto* opened = std::get_if<Opened>(&message)) keep(epochs, opened->epoch);
  if (const auto* deliver = std::get_if<Deliver>(&message)) keep(delivers, *deliver);
}

}  // namespace pawl::fuzzing
