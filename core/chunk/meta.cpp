// SPDX-License-Identifier: Apache-2.0
#include "core/chunk/meta.hpp"

#include <algorithm>
#include <limits>

#include "core/chunk/pack_cursor.hpp"
#include "core/chunk/pack_writer.hpp"
#include "core/chunk/text.hpp"
#include "core/limits.hpp"

namespace pawl {

namespace {

enum Key : std::uint64_t {
  key_key = 1,
  key_headers = 2,
  key_created = 3,
  key_expires = 4,
  key_dedup_id = 5,
  key_reply_to = 6,
  key_retry = 7,
  key_origin = 8,
  key_history = 9,
  key_dropped = 10,
  key_optional = 64,
};

// The values of the fields that are not interpreted may be nested as deep as check_chunk lets them.
constexpr std::size_t depth_max = 4;

bool read_time(PackCursor& cursor, std::optional<HubTime>& time) {
  std::uint64_t us = 0;
  if (!cursor.read_uint(us) || us > std::numeric_limits<std::int64_t>::max()) return false;
  time = HubTime{static_cast<std::int64_t>(us)};
  return true;
}

bool read_bytes(PackCursor& cursor, std::string& value) {
  Bytes bytes;
  if (!cursor.read_binary(bytes)) return false;
  value.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

bool read_text(PackCursor& cursor, std::string& value, std::size_t bytes_max) {
  std::string_view text;
  if (!cursor.read_text(text) || text.size() > bytes_max || !is_utf8(text)) return false;
  value = text;
  return true;
}

bool read_headers(PackCursor& cursor, std::map<std::string, std::string>& headers) {
  std::uint32_t pairs = 0;
  if (!cursor.read_map(pairs) || pairs > limits::headers_max) return false;
  for (std::uint32_t i = 0; i < pairs; ++i) {
    std::string name;
    std::string value;
    if (!read_text(cursor, name, limits::meta_bytes_max)) return false;
    if (!read_text(cursor, value, limits::meta_bytes_max)) return false;
    if (!headers.emplace(std::move(name), std::move(value)).second) return false;
  }
  return true;
}

bool read_origin(PackCursor& cursor, std::optional<Origin>& origin) {
  std::uint32_t elements = 0;
  std::uint64_t lane = 0;
  Origin read;
  const bool good = cursor.read_array(elements) && elements == 3 &&
                    read_text(cursor, read.queue, limits::name_bytes_max) &&
                    cursor.read_uint(lane) && lane <= std::numeric_limits<std::uint32_t>::max() &&
                    cursor.read_uint(read.offset);
  read.lane = static_cast<std::uint32_t>(lane);
  if (good) origin = std::move(read);
  return good;
}

bool read_failure(PackCursor& cursor, Failure& failure) {
  std::uint32_t elements = 0;
  std::optional<HubTime> at;
  std::uint64_t kind = 0;
  const bool good = cursor.read_array(elements) && elements == 4 && read_time(cursor, at) &&
                    read_text(cursor, failure.worker, limits::name_bytes_max) &&
                    read_text(cursor, failure.reason, limits::reason_bytes_max) &&
                    cursor.read_uint(kind) && kind >= 1 && kind <= 5;
  if (!good) return false;
  failure.at = *at;
  failure.kind = static_cast<FailureKind>(kind);
  return true;
}

bool read_history(PackCursor& cursor, std::vector<Failure>& history) {
  std::uint32_t count = 0;
  if (!cursor.read_array(count) || count > limits::history_max) return false;
  history.resize(count);
  return std::all_of(history.begin(), history.end(),
                     [&](Failure& failure) { return read_failure(cursor, failure); });
}

bool read_known(PackCursor& cursor, std::uint64_t key, Meta& meta) {
  switch (key) {
    case key_key: return read_bytes(cursor, meta.key);
    case key_headers: return read_headers(cursor, meta.headers);
    case key_created: return read_time(cursor, meta.created);
    case key_expires: return read_time(cursor, meta.expires);
    case key_dedup_id: return read_bytes(cursor, meta.dedup_id);
    case key_reply_to: return read_text(cursor, meta.reply_to, limits::name_bytes_max);
    case key_origin: return read_origin(cursor, meta.origin);
    case key_history: return read_history(cursor, meta.history);
    case key_dropped: return cursor.read_uint(meta.history_dropped);
    default: return false;
  }
}

Fault wrong(std::uint64_t key, const char* what) {
  return {Code::bad_frame, "meta key " + std::to_string(key) + ": " + what};
}

Bytes between(const std::byte* begin, const std::byte* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

void write_text(PackWriter& writer, std::string_view text, std::size_t bytes_max) {
  writer.write_text(clean_text(text, bytes_max));
}

void write_origin(PackWriter& writer, const Origin& origin) {
  writer.write_uint(key_origin);
  writer.write_array(3);
  write_text(writer, origin.queue, limits::name_bytes_max);
  writer.write_uint(origin.lane);
  writer.write_uint(origin.offset);
}

void write_history(PackWriter& writer, std::span<const Failure> history) {
  writer.write_uint(key_history);
  writer.write_array(history.size());
  for (const Failure& failure : history) {
    writer.write_array(4);
    writer.write_uint(static_cast<std::uint64_t>(std::max<std::int64_t>(failure.at.us, 0)));
    write_text(writer, failure.worker, limits::name_bytes_max);
    write_text(writer, failure.reason, limits::reason_bytes_max);
    writer.write_uint(static_cast<std::uint64_t>(failure.kind));
  }
}

void write_time(PackWriter& writer, Key key, const std::optional<HubTime>& time) {
  if (!time) return;
  writer.write_uint(key);
  writer.write_uint(static_cast<std::uint64_t>(std::max<std::int64_t>(time->us, 0)));
}

void write_bytes(PackWriter& writer, Key key, std::string_view bytes) {
  if (bytes.empty()) return;
  writer.write_uint(key);
  writer.write_binary(std::as_bytes(std::span(bytes)));
}

void write_headers(PackWriter& writer, const std::map<std::string, std::string>& headers) {
  if (headers.empty()) return;
  writer.write_uint(key_headers);
  writer.write_map(headers.size());
  for (const auto& [name, value] : headers) {
    writer.write_text(name);
    writer.write_text(value);
  }
}

std::size_t field_count(const Meta& meta) {
  return std::size_t{!meta.key.empty()} + !meta.headers.empty() + meta.created.has_value() +
         meta.expires.has_value() + !meta.dedup_id.empty() + !meta.reply_to.empty() +
         meta.origin.has_value() + !meta.history.empty() + (meta.history_dropped != 0) +
         meta.others_count;
}

// `bytes` without keys 8 to 10; how many fields that leaves.
std::size_t copy_other_fields(Bytes bytes, PackWriter& writer) {
  if (bytes.empty()) return 0;
  PackCursor cursor(bytes);
  std::uint32_t pairs = 0;
  std::size_t kept = 0;
  cursor.read_map(pairs);
  for (std::uint32_t i = 0; i < pairs; ++i) {
    const std::byte* const begin = cursor.position();
    std::uint64_t key = 0;
    if (!cursor.read_uint(key) || !cursor.skip(depth_max)) break;
    if (key >= key_origin && key <= key_dropped) continue;
    writer.write_raw(between(begin, cursor.position()));
    ++kept;
  }
  return kept;
}

}  // namespace

std::string_view name_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::nack: return "nack";
    case FailureKind::timeout: return "timeout";
    case FailureKind::death: return "death";
    case FailureKind::reject: return "reject";
    case FailureKind::overflow: return "overflow";
  }
  return "unknown";
}

std::vector<std::byte> encode_meta(const Meta& meta) {
  std::vector<std::byte> bytes;
  const std::size_t fields = field_count(meta);
  if (fields == 0) return bytes;
  PackWriter writer(bytes);
  writer.write_map(fields);
  write_bytes(writer, key_key, meta.key);
  write_headers(writer, meta.headers);
  write_time(writer, key_created, meta.created);
  write_time(writer, key_expires, meta.expires);
  write_bytes(writer, key_dedup_id, meta.dedup_id);
  if (!meta.reply_to.empty()) {
    writer.write_uint(key_reply_to);
    writer.write_text(meta.reply_to);
  }
  if (meta.origin) write_origin(writer, *meta.origin);
  if (!meta.history.empty()) write_history(writer, meta.history);
  if (meta.history_dropped != 0) {
    writer.write_uint(key_dropped);
    writer.write_uint(meta.history_dropped);
  }
  writer.write_raw(meta.others);
  return bytes;
}

Result<Meta> decode_meta(Bytes bytes) {
  Meta meta;
  if (bytes.empty()) return meta;
  PackCursor cursor(bytes);
  std::uint32_t pairs = 0;
  if (!cursor.read_map(pairs)) return Fault{Code::bad_frame, "the meta is not a map"};
  std::uint64_t seen = 0;  // one bit a key below 64
  for (std::uint32_t i = 0; i < pairs; ++i) {
    const std::byte* const begin = cursor.position();
    std::uint64_t key = 0;
    if (!cursor.read_uint(key)) return Fault{Code::bad_frame, "a meta key is no unsigned integer"};
    if (key < key_optional) {
      if ((seen >> key & 1) != 0) return wrong(key, "stands twice");
      seen |= std::uint64_t{1} << key;
    }
    if (key == key_retry || key >= key_optional) {
      if (!cursor.skip(depth_max)) return wrong(key, "is cut short, not MessagePack, or too deep");
      const Bytes field = between(begin, cursor.position());
      meta.others.insert(meta.others.end(), field.begin(), field.end());
      ++meta.others_count;
    } else if (key == 0 || key > key_dropped) {
      return wrong(key, "is not defined");
    } else if (!read_known(cursor, key, meta)) {
      return wrong(key, "has a value of the wrong type or past its bounds");
    }
  }
  if (!cursor.at_end()) return Fault{Code::bad_frame, "the meta has bytes after its last field"};
  return meta;
}

std::vector<std::byte> dead_letter_meta(Bytes bytes, const Origin& origin,
                                        std::span<const Failure> history, std::uint64_t dropped) {
  // Room for what is written beside the history: the map's header, the origin, the count.
  constexpr std::size_t fixed_bytes_max = 5 + (1 + 1 + 2 + 128 + 5 + 9) + (1 + 9) + (1 + 3);
  std::vector<std::byte> others;
  PackWriter others_writer(others);
  std::size_t fields = copy_other_fields(bytes, others_writer);
  const std::size_t room =
      limits::meta_bytes_max - std::min(limits::meta_bytes_max, others.size() + fixed_bytes_max);
  std::size_t kept = 0;
  for (std::size_t used = 0; kept < history.size() && kept < limits::history_max; ++kept) {
    // A row is an array, a time, two texts with their heads, a kind.
    const Failure& failure = history[history.size() - 1 - kept];
    used += 1 + 9 + (2 + std::min(failure.worker.size(), limits::name_bytes_max)) +
            (3 + std::min(failure.reason.size(), limits::reason_bytes_max)) + 1;
    if (used > room) break;
  }
  dropped += history.size() - kept;

  // A producer may have filled the meta to its bound: then even the origin goes.
  const bool origin_fits = room != 0;
  fields += std::size_t{origin_fits} + (kept != 0) + (origin_fits && dropped != 0);
  std::vector<std::byte> meta;
  PackWriter writer(meta);
  writer.write_map(fields);
  writer.write_raw(others);
  if (origin_fits) write_origin(writer, origin);
  if (kept != 0) write_history(writer, history.last(kept));
  if (origin_fits && dropped != 0) {
    writer.write_uint(key_dropped);
    writer.write_uint(dropped);
  }
  return meta;
}

}  // namespace pawl
