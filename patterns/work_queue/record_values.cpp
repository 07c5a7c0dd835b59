// SPDX-License-Identifier: Apache-2.0
// Values of rows, written and read in the same order. Reading is strict: a value with bytes missing
// or left over is none of ours, nor is one with a number that this version never writes there.
#include <algorithm>
#include <limits>

#include "core/check.hpp"
#include "core/limits.hpp"
#include "patterns/work_queue/records.hpp"

namespace pawl::records {
namespace {

// Fields of a row in one order for both directions would need a visitor; the twins stand side by
// side instead.
template <class Row>
std::optional<Row> checked(const ByteReader& in, Row row) {
  if (in.failed() || !in.at_end()) return std::nullopt;
  return row;
}

// Ids are boot << 40 | counter.
constexpr std::uint64_t boot_max = (std::uint64_t{1} << 23) - 1;
constexpr std::uint64_t number_max = std::numeric_limits<std::int64_t>::max();

std::uint64_t time_field(HubTime time) {
  return static_cast<std::uint64_t>(time.us);
}
std::int64_t microseconds(ByteReader& in) {
  const auto value = in.varint_as<std::int64_t>();
  in.refuse_unless(value <= hub_time_us_max);
  return value;
}
HubTime time_field(ByteReader& in) {
  return {microseconds(in)};
}

void write_ref(ByteWriter& out, const ChunkRef& ref) {
  out.varint(ref.count).varint(ref.chunk_id).varint(ref.bytes);
  out.varint(time_field(ref.stored_at));
}

ChunkRef read_ref(std::uint64_t offset, ByteReader& in) {
  ChunkRef ref;
  ref.offset = offset;
  ref.count = in.varint_as<std::uint32_t>();
  ref.chunk_id = in.varint();
  ref.bytes = in.varint_as<std::uint32_t>();
  ref.stored_at = time_field(in);
  in.refuse_unless(ref.count >= 1 && ref.count <= limits::chunk_messages_max);
  in.refuse_unless(offset <= number_max - limits::chunk_messages_max);
  return ref;
}

ActiveRow::Lease read_lease(ByteReader& in) {
  ActiveRow::Lease lease;
  lease.lease = in.varint();
  lease.session = in.varint();
  lease.number = in.varint();
  in.refuse_unless(lease.lease != 0 && lease.session != 0);
  in.refuse_unless(lease.number != 0 && lease.number <= number_max);
  return lease;
}

}  // namespace

std::string encode(const HubRow& row) {
  ByteWriter out;
  out.varint(row.format).bytes16(row.store_id).varint(row.boot).text(row.machine_boot);
  return out.u8(row.clean)
      .varint(time_field(row.time_floor))
      .varint(static_cast<std::uint64_t>(row.promised.count()))
      .take();
}

std::optional<HubRow> decode_hub(Bytes value) {
  ByteReader in(value);
  HubRow row;
  row.format = in.varint();
  if (in.failed()) return std::nullopt;
  if (row.format != format_version) return row;  // the caller refuses it by its number
  row.store_id = in.bytes16();
  row.boot = in.varint();
  in.refuse_unless(row.boot < boot_max);
  row.machine_boot = in.text();
  row.clean = in.u8() != 0;
  row.time_floor = time_field(in);
  row.promised = Duration(microseconds(in));
  return checked(in, row);
}

std::string encode(const QueueRow& row) {
  return ByteWriter().varint(row.log).u8(row.is_dead_letter).take();
}

std::optional<QueueRow> decode_queue(Bytes value) {
  ByteReader in(value);
  QueueRow row;
  row.log = in.varint_as<LogId>();
  row.is_dead_letter = in.u8() != 0;
  return checked(in, row);
}

std::string encode(const CountersRow& row) {
  ByteWriter out;
  out.varint(row.tail).varint(row.scanned_to).varint(row.scan_chunk).varint(row.bytes);
  out.varint(row.accepted).varint(row.acked).varint(row.retried).varint(row.expired);
  return out.varint(row.dead).varint(row.refused).varint(row.live).varint(row.forgotten).take();
}

std::optional<CountersRow> decode_counters(Bytes value) {
  ByteReader in(value);
  CountersRow row;
  row.tail = in.varint();
  row.scanned_to = in.varint();
  row.scan_chunk = in.varint();
  row.bytes = in.varint();
  row.accepted = in.varint();
  row.acked = in.varint();
  row.retried = in.varint();
  row.expired = in.varint();
  row.dead = in.varint();
  row.refused = in.varint();
  row.live = in.varint();
  row.forgotten = in.varint();
  return checked(in, row);
}

std::string encode(const ChunkRef& ref) {
  ByteWriter out;
  write_ref(out, ref);
  return out.take();
}

std::optional<ChunkRef> decode_index(std::uint64_t offset, Bytes value) {
  ByteReader in(value);
  return checked(in, read_ref(offset, in));
}

std::string encode(const ActiveRow& row) {
  ByteWriter out;
  write_ref(out, row.ref);
  out.varint(row.leases.size());
  for (const ActiveRow::Lease& lease : row.leases) {
    out.varint(lease.lease).varint(lease.session).varint(lease.number);
  }
  out.varint(row.runs.size());
  std::uint32_t at = 0;
  for (const Run& run : row.runs) {
    out.varint(run.first - at).varint(run.count);
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(run.state) | (run.single ? 0x80U : 0U)));
    if (run.state == RunState::leased) {
      const auto lease = std::lower_bound(
          row.leases.begin(), row.leases.end(), run.lease,
          [](const ActiveRow::Lease& left, std::uint64_t id) { return left.lease < id; });
      PAWL_CHECK(lease != row.leases.end() && lease->lease == run.lease);
      out.varint(static_cast<std::uint64_t>(lease - row.leases.begin()));
    }
    at = run.end();
  }
  return out.take();
}

std::optional<ActiveRow> decode_active(std::uint64_t offset, Bytes value) {
  ByteReader in(value);
  ActiveRow row;
  row.ref = read_ref(offset, in);
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const ActiveRow::Lease lease = read_lease(in);
    in.refuse_unless(row.leases.empty() || row.leases.back().lease < lease.lease);
    row.leases.push_back(lease);
  }
  std::uint32_t at = 0;
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    Run run;
    const auto gap = in.varint_as<std::uint32_t>();
    run.count = in.varint_as<std::uint32_t>();
    if (std::uint64_t{at} + gap + run.count > row.ref.count) return std::nullopt;
    run.first = at + gap;
    const std::uint8_t state = in.u8();
    run.single = (state & 0x80) != 0;
    run.state = static_cast<RunState>(state & 0x7F);
    if (run.state < RunState::ready || run.state > RunState::dying || run.count == 0) return {};
    if (run.state == RunState::leased) {
      const std::uint64_t index = in.varint();
      if (index >= row.leases.size()) return std::nullopt;
      run.lease = row.leases[index].lease;
    }
    row.runs.push_back(run);
    at = run.end();
  }
  return checked(in, std::move(row));
}

std::string encode(const FailingMessage& record) {
  ByteWriter out;
  out.varint(record.failures).varint(record.deaths).varint(record.handouts).u8(record.suspect);
  out.varint(time_field(record.due)).varint(record.history_dropped);
  record.history.write(out);
  return out.take();
}

std::optional<FailingMessage> decode_failure(Bytes value) {
  ByteReader in(value);
  FailingMessage record;
  record.failures = in.varint_as<std::uint32_t>();
  record.deaths = in.varint_as<std::uint32_t>();
  record.handouts = in.varint_as<std::uint32_t>();
  record.suspect = in.u8() != 0;
  record.due = time_field(in);
  record.history_dropped = in.varint();
  record.history = FailureHistory::read(in);
  return checked(in, std::move(record));
}

std::string encode(const ProducerRow& row) {
  ByteWriter out;
  out.varint(row.set.epoch).varint(row.set.floor).varint(time_field(row.last_seen));
  out.varint(row.set.ranges.size());
  for (const protocol::SequenceRange& range : row.set.ranges) {
    out.varint(range.first).varint(range.length);
  }
  return out.take();
}

std::optional<ProducerRow> decode_producer(Bytes value) {
  ByteReader in(value);
  ProducerRow row;
  row.set.epoch = in.varint();
  row.set.floor = in.varint();
  row.last_seen = time_field(in);
  // Sorted, not touching, at or above the floor.
  std::uint64_t free_from = row.set.floor;
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const std::uint64_t first = in.varint();
    const std::uint64_t length = in.varint();
    in.refuse_unless(first >= free_from && first <= number_max && length >= 1 &&
                     length <= number_max - first);
    row.set.ranges.push_back({first, length});
    free_from = first + length + 1;
  }
  in.refuse_unless(row.set.floor >= 1 && row.set.floor <= number_max);
  in.refuse_unless(row.set.epoch < number_max);
  in.refuse_unless(row.set.ranges.size() <= limits::dedup_ranges_max);
  return checked(in, std::move(row));
}

std::string encode(const SessionRow& row) {
  return ByteWriter().bytes16(row.token).text(row.peer).varint(row.slots).take();
}

std::optional<SessionRow> decode_session(Bytes value) {
  ByteReader in(value);
  SessionRow row;
  row.token = in.bytes16();
  row.peer = in.text();
  row.slots = in.varint_as<std::uint32_t>();
  return checked(in, std::move(row));
}

}  // namespace pawl::records
