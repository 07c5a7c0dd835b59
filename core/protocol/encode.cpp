// SPDX-License-Identifier: Apache-2.0
#include "core/check.hpp"
#include "core/chunk/pack_writer.hpp"
#include "core/chunk/text.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"

namespace pawl::protocol {

namespace {

// The fields of one header. Their number is known only at the end, so the map's header is one byte
// that is patched: no command has more than 15 fields.
class FieldWriter {
 public:
  explicit FieldWriter(Command command) : out_(bytes_) {
    bytes_.reserve(reserve_bytes);
    out_.write_array(3);
    out_.write_uint(version);
    out_.write_uint(static_cast<std::uint64_t>(command));
    map_at_ = bytes_.size();
    out_.write_map(0);
  }

  // "always": written even at its default.
  PackWriter& always(unsigned field) {
    bytes_[map_at_] = static_cast<std::byte>(std::to_integer<unsigned>(bytes_[map_at_]) + 1);
    out_.write_uint(field);
    return out_;
  }
  void number(unsigned field, std::uint64_t value, std::uint64_t at_default = 0) {
    if (value != at_default) always(field).write_uint(value);
  }
  void boolean(unsigned field, bool value) {
    if (value) always(field).write_bool(true);
  }
  void name(unsigned field, std::string_view value) {
    if (!value.empty()) always(field).write_text(value);
  }
  void text(unsigned field, std::string_view value) {
    if (!value.empty()) text_value(always(field), value);
  }
  // Whatever the text came from, the other side's decoder takes it.
  static void text_value(PackWriter& out, std::string_view value) {
    const bool is_clean = value.size() <= limits::reason_bytes_max && is_utf8(value);
    if (is_clean) return out.write_text(value);
    out.write_text(clean_text(value, limits::reason_bytes_max));
  }
  template <class Rows, class WriteRow>
  void rows(unsigned field, const Rows& rows, std::size_t columns, WriteRow write_row) {
    PAWL_CHECK(rows.size() <= limits::rows_max);
    PackWriter& out = always(field);
    out.write_array(rows.size());
    for (const auto& row : rows) {
      out.write_array(columns);
      write_row(out, row);
    }
  }

  std::vector<std::byte> finish() && {
    PAWL_CHECK(bytes_.size() <= limits::header_bytes_max);
    return std::move(bytes_);
  }

 private:
  static constexpr std::size_t reserve_bytes = 128;  // most headers, in one allocation
  std::vector<std::byte> bytes_;
  PackWriter out_;
  std::size_t map_at_ = 0;
};

template <class Enum>
std::uint64_t number_of(Enum value) {
  return static_cast<std::uint64_t>(value);
}

void write(FieldWriter& out, const Hello& hello) {
  PackWriter& versions = out.always(0);
  versions.write_array(hello.versions.size());
  for (const std::uint64_t offered : hello.versions) versions.write_uint(offered);
  out.name(1, hello.peer);
  if (hello.token) out.always(2).write_binary(*hello.token);
  out.number(3, hello.capabilities);
  out.number(4, hello.slots);
  out.number(5, hello.got);
  if (!hello.held.empty()) {
    out.rows(6, hello.held, 5, [](PackWriter& row, const Hello::Held& held) {
      row.write_uints(
          {held.handle, held.lease, held.range.lane, held.range.offset, held.range.length});
    });
  }
  out.number(7, hello.number);
}

void write(FieldWriter& out, const Welcome& welcome) {
  out.always(0).write_uint(welcome.version);
  out.always(1).write_binary(welcome.store_id);
  out.number(2, welcome.boot);
  out.always(3).write_binary(welcome.token);
  out.boolean(4, welcome.resumed);
  out.always(5).write_uint(welcome.lease_ms);
  out.always(6).write_uint(welcome.beat_ms);
  out.always(7).write_uint(welcome.body_bytes_max);
  out.always(8).write_uint(welcome.chunk_bytes_aim);
  out.always(9).write_uint(welcome.chunk_messages_max);
  out.always(10).write_uint(static_cast<std::uint64_t>(welcome.hub_time_us));
}

void write(FieldWriter& out, const Open& open) {
  out.always(0).write_uint(open.handle);
  out.always(1).write_text(open.name);
  out.always(2).write_uint(number_of(open.role));
  out.name(3, open.group);
  out.name(4, open.source);
  out.boolean(5, open.anonymous);
  out.number(6, open.epoch);
  out.number(7, number_of(open.durability), number_of(Durability::memory));
}

void write(FieldWriter& out, const Opened& opened) {
  out.always(0).write_uint(opened.handle);
  out.number(1, opened.epoch);
  out.number(2, opened.floor, 1);
  if (!opened.known.empty()) {
    out.rows(3, opened.known, 2, [](PackWriter& row, const SequenceRange& range) {
      row.write_uints({range.first, range.length});
    });
  }
  out.always(4).write_uint(number_of(opened.durability));
  out.number(5, opened.handler_timeout_ms);
  out.number(6, opened.max_attempts);
  out.number(7, opened.body_bytes_max);
  out.number(8, opened.backoff_initial_ms);
  out.boolean(9, opened.forgotten);
}

void write(FieldWriter& out, const Send& send) {
  PAWL_CHECK(send.parts.size() <= limits::send_parts_max);
  out.rows(0, send.parts, 8, [](PackWriter& row, const Send::Part& part) {
    row.write_uints({part.handle, part.epoch, part.floor, part.seq, part.count, part.lane,
                     static_cast<std::uint64_t>(part.deliver_at_us), part.flags});
  });
  out.boolean(1, send.atomic);
}

void write(FieldWriter& out, const Confirm& confirm) {
  out.always(0).write_uint(confirm.handle);
  out.always(1).write_uint(number_of(confirm.durability));
  out.rows(2, confirm.rows, 5, [](PackWriter& row, const Confirm::Row& confirmed) {
    row.write_uints({confirmed.seq, confirmed.length, confirmed.lane, confirmed.offset});
    row.write_bool(confirmed.duplicate);
  });
}

void write(FieldWriter& out, const Refuse& refuse) {
  out.always(0).write_uint(refuse.handle);
  out.rows(1, refuse.rows, 5, [](PackWriter& row, const Refuse::Row& refused) {
    row.write_uints({refused.seq, refused.length, number_of(refused.code)});
    FieldWriter::text_value(row, refused.text);
    row.write_uint(refused.retry_after_ms);
  });
}

void write(FieldWriter& out, const Credit& credit) {
  out.always(0).write_uint(credit.handle);
  out.always(1).write_uint(credit.messages_total);
  out.always(2).write_uint(credit.bytes_total);
}

void write(FieldWriter& out, const Deliver& deliver) {
  PAWL_CHECK(deliver.rows.size() <= limits::frames_max);
  out.always(0).write_uint(deliver.handle);
  out.always(1).write_uint(deliver.number);
  out.always(2).write_uint(deliver.lease);
  out.rows(3, deliver.rows, 5, [](PackWriter& row, const Deliver::Row& run) {
    row.write_uints({run.lane, run.offset, run.count, run.attempt, run.flags});
  });
}

void write(FieldWriter& out, const Settle& settle) {
  out.always(0).write_uint(settle.handle);
  out.always(1).write_uint(settle.number);
  out.rows(2, settle.rows, 7, [](PackWriter& row, const Settle::Row& settled) {
    row.write_uints(
        {number_of(settled.verb), settled.lease, settled.lane, settled.offset, settled.length});
    if (settled.delay_ms) {
      row.write_uint(*settled.delay_ms);
    } else {
      row.write_nil();
    }
    FieldWriter::text_value(row, settled.reason);
  });
}

void write(FieldWriter& out, const Settled& settled) {
  out.always(0).write_uint(settled.handle);
  out.always(1).write_uint(settled.upto);
  if (settled.exceptions.empty()) return;
  out.rows(2, settled.exceptions, 5, [](PackWriter& row, const Settled::Exception& exception) {
    row.write_uints({exception.lease, exception.range.lane, exception.range.offset,
                     exception.range.length, number_of(exception.code)});
  });
}

void write(FieldWriter& out, const Beat& beat) {
  out.always(0).write_uint(beat.number);
  out.number(1, beat.echo);
  out.number(2, beat.received_upto);
  out.number(3, beat.settled_upto);
}

void write(FieldWriter& out, const Recall& recall) {
  out.always(0).write_uint(recall.handle);
  out.always(1).write_uint(recall.messages);
}

void write(FieldWriter& out, const Query& query) {
  out.always(0).write_uint(query.id);
  out.always(1).write_text(query.what);
  out.name(2, query.after);
}

void write(FieldWriter& out, const Reply& reply) {
  out.always(0).write_uint(reply.id);
  out.always(1).write_uint(number_of(reply.code));
  out.text(2, reply.text);
  out.boolean(3, reply.more);
}

void write(FieldWriter& out, const Error& error) {
  out.always(0).write_uint(number_of(error.code));
  out.text(1, error.text);
  out.number(2, error.about);
  out.number(3, error.handle);
}

void write(FieldWriter& out, const GoAway& goaway) {
  out.text(0, goaway.reason);
  out.number(1, goaway.retry_after_ms);
}

void write(FieldWriter&, const Bye&) {}

}  // namespace

std::vector<std::byte> encode(const Message& message) {
  // The variant lists the commands in the order of their numbers, which begin with 1.
  FieldWriter out(static_cast<Command>(message.index() + 1));
  std::visit([&](const auto& command) { write(out, command); }, message);
  return std::move(out).finish();
}

}  // namespace pawl::protocol
