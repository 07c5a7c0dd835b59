// SPDX-License-Identifier: Apache-2.0
// Random valid messages of every command, from a seed. Views in them point into static texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/limits.hpp"
#include "core/protocol/messages.hpp"
#include "core/random.hpp"

namespace pawl::protocol::samples {

inline std::uint64_t number(Random& random, std::uint64_t min, std::uint64_t max) {
  // As often small as wide: every width of MessagePack's integers comes up.
  const std::uint64_t wide = random.next() >> random.below(64);
  const std::uint64_t span = max - min;
  return min + (span == ~std::uint64_t{0} ? wide : wide % (span + 1));
}

constexpr std::uint64_t u32_max = 0xffff'ffff;
constexpr std::uint64_t u62_max = ~std::uint64_t{0} >> 2;  // so that sums of two fit into 63 bits

inline std::uint32_t number32(Random& random, std::uint32_t min = 0) {
  return static_cast<std::uint32_t>(number(random, min, u32_max));
}

inline std::string_view text(Random& random, std::size_t bytes_max, std::size_t bytes_min = 0) {
  static const std::string letters(limits::reason_bytes_max, 'q');
  static const std::string_view words = "Zahnrad → Sperrklinke, 歯車, 🦀";
  if (bytes_min <= words.size() && random.below(4) == 0) return words;
  const std::uint64_t size = number(random, bytes_min, bytes_max);
  return std::string_view(letters).substr(0, size);
}

inline std::string_view name(Random& random, std::size_t bytes_min = 0) {
  return text(random, limits::name_bytes_max, bytes_min);
}

inline Bytes16 bytes16(Random& random) {
  return SeededEntropy(random.next()).bytes16();
}

inline Range range(Random& random) {
  return {number32(random), number(random, 0, u62_max), number(random, 1, u62_max)};
}

template <class Enum>
Enum one_of(Random& random, Enum last) {
  return static_cast<Enum>(1 + random.below(static_cast<std::uint64_t>(last)));
}

inline Durability durability(Random& random) {
  return one_of(random, Durability::replicated);
}
inline Code code(Random& random) {
  return static_cast<Code>(number(random, 100, 399));
}

template <class Row, class MakeRow>
void rows(Random& random, std::vector<Row>& rows, std::size_t min, std::size_t max, MakeRow make) {
  const std::uint64_t count = number(random, min, random.below(8) == 0 ? max : min + 3);
  for (std::uint64_t i = 0; i < count; ++i) rows.push_back(make());
}

inline Message hello(Random& random) {
  Hello hello;
  rows(random, hello.versions, 1, 16, [&] { return number(random, 1, ~std::uint64_t{0}); });
  hello.peer = name(random);
  if (random.below(2) == 0) hello.token = bytes16(random);
  hello.capabilities = number(random, 0, ~std::uint64_t{0});
  hello.slots = number32(random);
  hello.got = number(random, 0, u62_max);
  rows(random, hello.held, 0, limits::held_ranges_max, [&] {
    return Hello::Held{number32(random, 1), number(random, 1, u62_max), range(random)};
  });
  hello.number = number(random, 0, u62_max);
  return hello;
}

inline Message welcome(Random& random) {
  Welcome welcome;
  welcome.store_id = bytes16(random);
  welcome.boot = number(random, 0, ~std::uint64_t{0});
  welcome.token = bytes16(random);
  welcome.resumed = random.below(2) == 0;
  welcome.lease_ms = number32(random, 1);
  welcome.beat_ms = number32(random, 1);
  welcome.body_bytes_max = number32(random, 1);
  welcome.chunk_bytes_aim = number32(random, 1);
  welcome.chunk_messages_max = number32(random, 1);
  welcome.hub_time_us = static_cast<std::int64_t>(number(random, 0, u62_max));
  return welcome;
}

inline Message open(Random& random) {
  Open open;
  open.handle = number32(random, 1);
  open.name = name(random);
  open.role = one_of(random, Role::pipe);
  open.group = name(random);
  open.source = name(random, 1);
  open.anonymous = random.below(2) == 0;
  open.epoch = number(random, 0, u62_max);
  open.durability = durability(random);
  return open;
}

inline Message opened(Random& random) {
  Opened opened;
  opened.handle = number32(random, 1);
  opened.epoch = number(random, 0, u62_max);
  opened.floor = number(random, 1, u62_max);
  rows(random, opened.known, 0, limits::dedup_ranges_max, [&] {
    return SequenceRange{number(random, 1, u62_max), number(random, 1, u62_max)};
  });
  opened.durability = durability(random);
  opened.handler_timeout_ms = number32(random);
  opened.max_attempts = number32(random);
  opened.body_bytes_max = number32(random);
  opened.backoff_initial_ms = number32(random);
  opened.forgotten = random.below(2) == 0;
  return opened;
}

inline Message send(Random& random) {
  Send send;
  rows(random, send.parts, 1, limits::send_parts_max, [&] {
    Send::Part part;
    part.handle = number32(random, 1);
    part.epoch = number(random, 0, u62_max);
    part.floor = number(random, 1, u62_max);
    part.seq = number(random, part.floor, u62_max);
    part.count = static_cast<std::uint32_t>(number(random, 1, limits::chunk_messages_max));
    part.flags = static_cast<std::uint32_t>(random.below(4));
    return part;
  });
  return send;
}

inline Message confirm(Random& random) {
  Confirm confirm;
  confirm.handle = number32(random, 1);
  confirm.durability = durability(random);
  rows(random, confirm.rows, 1, limits::rows_max, [&] {
    const Range where = range(random);
    return Confirm::Row{number(random, 1, u62_max), where.length, where.lane, where.offset,
                        random.below(2) == 0};
  });
  return confirm;
}

inline Message refuse(Random& random) {
  Refuse refuse;
  refuse.handle = number32(random, 1);
  rows(random, refuse.rows, 1, 40, [&] {
    return Refuse::Row{number(random, 1, u62_max), number(random, 1, u62_max), code(random),
                       text(random, limits::reason_bytes_max), number32(random)};
  });
  return refuse;
}

inline Message credit(Random& random) {
  return Credit{number32(random, 1), number(random, 0, u62_max), number(random, 0, u62_max)};
}

inline Message deliver(Random& random) {
  Deliver deliver;
  deliver.handle = number32(random, 1);
  deliver.number = number(random, 1, u62_max);
  deliver.lease = number(random, 1, u62_max);
  rows(random, deliver.rows, 1, limits::frames_max, [&] {
    return Deliver::Row{number32(random), number(random, 0, u62_max),
                        static_cast<std::uint32_t>(number(random, 1, limits::chunk_messages_max)),
                        number32(random, 1), number32(random)};
  });
  deliver.rows.front().flags &= ~deliver_flags::with_previous;
  return deliver;
}

inline Message settle(Random& random) {
  Settle settle;
  settle.handle = number32(random, 1);
  settle.number = number(random, 1, u62_max);
  rows(random, settle.rows, 1, 40, [&] {
    const Range where = range(random);
    Settle::Row row{one_of(random, Verb::extend),
                    number(random, 1, u62_max),
                    where.lane,
                    where.offset,
                    where.length,
                    {},
                    text(random, limits::reason_bytes_max)};
    if (random.below(2) == 0) row.delay_ms = number(random, 0, u32_max);
    return row;
  });
  return settle;
}

inline Message settled(Random& random) {
  Settled settled;
  settled.handle = number32(random, 1);
  settled.upto = number(random, 0, u62_max);
  rows(random, settled.exceptions, 0, limits::rows_max, [&] {
    return Settled::Exception{number(random, 1, u62_max), range(random), code(random)};
  });
  return settled;
}

inline Message small(Random& random, Command command) {
  switch (command) {
    case Command::beat:
      return Beat{number(random, 1, u62_max), number(random, 0, u62_max),
                  number(random, 0, u62_max), number(random, 0, u62_max)};
    case Command::recall: return Recall{number32(random, 1), number(random, 0, u62_max)};
    case Command::query: return Query{random.next(), name(random), name(random)};
    case Command::reply:
      return Reply{random.next(), random.below(2) == 0 ? Code::ok : code(random),
                   text(random, limits::reason_bytes_max), random.below(2) == 0};
    case Command::error:
      return Error{code(random), text(random, limits::reason_bytes_max), number(random, 0, u62_max),
                   number32(random)};
    case Command::goaway: return GoAway{text(random, limits::reason_bytes_max), number32(random)};
    default: return Bye{};
  }
}

inline Message of(Command command, Random& random) {
  switch (command) {
    case Command::hello: return hello(random);
    case Command::welcome: return welcome(random);
    case Command::open: return open(random);
    case Command::opened: return opened(random);
    case Command::send: return send(random);
    case Command::confirm: return confirm(random);
    case Command::refuse: return refuse(random);
    case Command::credit: return credit(random);
    case Command::deliver: return deliver(random);
    case Command::settle: return settle(random);
    case Command::settled: return settled(random);
    default: return small(random, command);
  }
}

}  // namespace pawl::protocol::samples
