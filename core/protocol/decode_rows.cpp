// SPDX-License-Identifier: Apache-2.0
// The commands that carry messages, credit and answers.
#include "core/limits.hpp"
#include "core/protocol/decode.hpp"

namespace pawl::protocol {

namespace {

constexpr FieldReader::Shape parts_shape{"parts", 1, limits::send_parts_max, 8, 3};
constexpr FieldReader::Shape confirm_shape{"rows", 1, limits::rows_max, 5};
constexpr FieldReader::Shape refuse_shape{"rows", 1, limits::rows_max, 5};
constexpr FieldReader::Shape deliver_shape{"rows", 1, limits::frames_max, 5};
constexpr FieldReader::Shape settle_shape{"rows", 1, limits::rows_max, 7, 2};
constexpr FieldReader::Shape exceptions_shape{"exceptions", 0, limits::rows_max, 5};

// Lanes, delayed sends and atomic sends come later; a hub must not take them for plain ones.
void must_be_zero(FieldReader& in, const char* name, std::uint64_t value) {
  if (value == 0) return;
  in.refuse(std::string(name) + " is " + std::to_string(value) + ", PAWL/1 knows only 0 as yet",
            Code::unsupported);
}

Send::Part read_part(FieldReader& in) {
  constexpr std::uint32_t known_flags = send_flags::meta_matters | send_flags::maybe_duplicate;
  Send::Part part;
  part.handle = in.number32("handle", 1);
  part.epoch = in.number("epoch", 0, u63_max);
  part.floor = in.number("floor", 1, u63_max);
  part.seq = in.number("seq", 1, u63_max);
  part.count = static_cast<std::uint32_t>(in.number("count", 1, limits::chunk_messages_max));
  if (in.more_columns()) part.lane = in.number32("lane");
  if (in.more_columns()) part.deliver_at_us = in.instant("deliver_at");
  if (in.more_columns()) part.flags = in.number32("flags");
  if (part.floor > part.seq) {
    in.refuse("floor " + std::to_string(part.floor) + " is above seq " + std::to_string(part.seq));
  }
  in.sum_fits("seq + count", part.seq, part.count);
  must_be_zero(in, "lane", part.lane);
  must_be_zero(in, "deliver_at", static_cast<std::uint64_t>(part.deliver_at_us));
  must_be_zero(in, "the unknown part of flags", part.flags & ~known_flags);
  return part;
}

Confirm::Row read_confirm_row(FieldReader& in) {
  Confirm::Row row;
  row.seq = in.number("seq", 1, u63_max);
  row.length = in.number("length", 1, u63_max);
  row.lane = in.number32("lane");
  row.offset = in.number("offset", 0, u63_max);
  row.duplicate = in.boolean("duplicate");
  in.sum_fits("seq + length", row.seq, row.length);
  in.sum_fits("offset + length", row.offset, row.length);
  return row;
}

Refuse::Row read_refuse_row(FieldReader& in) {
  Refuse::Row row;
  row.seq = in.number("seq", 1, u63_max);
  row.length = in.number("length", 1, u63_max);
  row.code = in.code("code", false);
  row.text = in.text("text", limits::reason_bytes_max);
  row.retry_after_ms = in.number32("retry_after");
  in.sum_fits("seq + length", row.seq, row.length);
  return row;
}

Deliver::Row read_deliver_row(FieldReader& in) {
  Deliver::Row row;
  row.lane = in.number32("lane");
  row.offset = in.number("offset", 0, u63_max);
  row.count = static_cast<std::uint32_t>(in.number("count", 1, limits::chunk_messages_max));
  row.attempt = in.number32("attempt", 1);
  row.flags = in.number32("flags");
  in.sum_fits("offset + count", row.offset, row.count);
  return row;
}

Settle::Row read_settle_row(FieldReader& in) {
  Settle::Row row;
  row.verb = in.one_of("verb", Verb::ack, Verb::extend);
  row.lease = in.number("lease", 1, u64_max);
  const Range range = read_range(in);
  row.lane = range.lane;
  row.offset = range.offset;
  row.length = range.length;
  if (in.more_columns() && !in.nil()) row.delay_ms = in.number("delay", 0, limits::delay_ms_max);
  if (in.more_columns()) row.reason = in.text("reason", limits::reason_bytes_max);
  return row;
}

Settled::Exception read_exception(FieldReader& in) {
  Settled::Exception exception;
  exception.lease = in.number("lease", 1, u64_max);
  exception.range = read_range(in);
  exception.code = in.code("code", false);
  return exception;
}

}  // namespace

Range read_range(FieldReader& in) {
  Range range;
  range.lane = in.number32("lane");
  range.offset = in.number("offset", 0, u63_max);
  range.length = in.number("length", 1, u63_max);
  in.sum_fits("offset + length", range.offset, range.length);
  return range;
}

void read_field(FieldReader& in, Send& send) {
  switch (in.field()) {
    case 0: return in.rows(send.parts, parts_shape, read_part);
    case 1: send.atomic = in.boolean("atomic"); return must_be_zero(in, "atomic", send.atomic);
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Send&) {
  in.require(0, "parts");
}

void read_field(FieldReader& in, Confirm& confirm) {
  switch (in.field()) {
    case 0: confirm.handle = in.number32("handle", 1); return;
    case 1:
      confirm.durability = in.one_of("durability", Durability::memory, Durability::replicated);
      return;
    case 2: return in.rows(confirm.rows, confirm_shape, read_confirm_row);
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Confirm&) {
  in.require(0, "handle");
  in.require(2, "rows");
}

void read_field(FieldReader& in, Refuse& refuse) {
  switch (in.field()) {
    case 0: refuse.handle = in.number32("handle", 1); return;
    case 1: return in.rows(refuse.rows, refuse_shape, read_refuse_row);
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Refuse&) {
  in.require(0, "handle");
  in.require(1, "rows");
}

void read_field(FieldReader& in, Credit& credit) {
  switch (in.field()) {
    case 0: credit.handle = in.number32("handle", 1); return;
    case 1: credit.messages_total = in.number("messages_total", 0, u63_max); return;
    case 2: credit.bytes_total = in.number("bytes_total", 0, u63_max); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Credit&) {
  in.require(0, "handle");
}

void read_field(FieldReader& in, Deliver& deliver) {
  switch (in.field()) {
    case 0: deliver.handle = in.number32("handle", 1); return;
    case 1: deliver.number = in.number("number", 1, u63_max); return;
    case 2: deliver.lease = in.number("lease", 1, u64_max); return;
    case 3: return in.rows(deliver.rows, deliver_shape, read_deliver_row);
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Deliver& deliver) {
  in.require(0, "handle");
  in.require(1, "number");
  in.require(2, "lease");
  in.require(3, "rows");
  if (in.good() && is_with_previous(deliver.rows.front())) {
    in.refuse("the first row cannot be in the frame of the row before");
  }
}

void read_field(FieldReader& in, Settle& settle) {
  switch (in.field()) {
    case 0: settle.handle = in.number32("handle", 1); return;
    case 1: settle.number = in.number("number", 1, u63_max); return;
    case 2: return in.rows(settle.rows, settle_shape, read_settle_row);
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Settle&) {
  in.require(0, "handle");
  in.require(1, "number");
  in.require(2, "rows");
}

void read_field(FieldReader& in, Settled& settled) {
  switch (in.field()) {
    case 0: settled.handle = in.number32("handle", 1); return;
    case 1: settled.upto = in.number("upto", 0, u63_max); return;
    case 2: return in.rows(settled.exceptions, exceptions_shape, read_exception);
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Settled&) {
  in.require(0, "handle");
}

void read_field(FieldReader& in, Recall& recall) {
  switch (in.field()) {
    case 0: recall.handle = in.number32("handle", 1); return;
    case 1: recall.messages = in.number("messages", 0, u63_max); return;
    default: in.unknown_field();
  }
}
void check_whole(FieldReader& in, const Recall&) {
  in.require(0, "handle");
}

}  // namespace pawl::protocol
