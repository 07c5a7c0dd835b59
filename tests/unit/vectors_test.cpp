// SPDX-License-Identifier: Apache-2.0
// tests/vectors against the C++ codec. tests/vectors/check_vectors.py holds the same files against
// a reader of its own.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/chunk/chunk.hpp"
#include "core/chunk/meta.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "core/protocol/deliver_chunks.hpp"

using namespace pawl;
using namespace pawl::protocol;
using nlohmann::json;

namespace {

json load(const std::string& stem) {
  std::ifstream file(std::string(PAWL_SOURCE_DIR) + "/tests/vectors/" + stem + ".json");
  REQUIRE(file);
  return json::parse(file);
}

void append_hex(const std::string& hex, std::vector<std::byte>& bytes) {
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
}

// "hex", or "bytes": [[hex, times], …] for what is large.
std::vector<std::byte> bytes_of(const json& vector) {
  std::vector<std::byte> bytes;
  if (vector.contains("hex")) {
    append_hex(vector["hex"], bytes);
    return bytes;
  }
  for (const json& part : vector["bytes"]) {
    std::vector<std::byte> once;
    append_hex(part[0], once);
    for (std::size_t times = part[1]; times > 0; --times) {
      bytes.insert(bytes.end(), once.begin(), once.end());
    }
  }
  return bytes;
}

std::string hex_of(Bytes bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : bytes) {
    hex += digits[std::to_integer<unsigned>(byte) >> 4];
    hex += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return hex;
}

std::string hex_of(const std::string& text) {
  return hex_of(std::as_bytes(std::span(text)));
}

template <class Rows, class RowForm>
json list_of(const Rows& rows, RowForm form) {
  json list = json::array();
  for (const auto& row : rows) list.push_back(form(row));
  return list;
}

// The decoded form that the vectors have.
json form(const Hello& m) {
  return {
      {"versions", m.versions},
      {"peer", m.peer},
      {"token", m.token ? json(hex_of(*m.token)) : json()},
      {"capabilities", m.capabilities},
      {"slots", m.slots},
      {"got", m.got},
      {"held",
       list_of(
           m.held,
           [](const auto& held) {
             const Range& range = held.range;
             return json::array({held.handle, held.lease, range.lane, range.offset, range.length});
           })},
      {"number", m.number}};
}

json form(const Welcome& m) {
  return {{"version", m.version},
          {"store_id", hex_of(m.store_id)},
          {"boot", m.boot},
          {"token", hex_of(m.token)},
          {"resumed", m.resumed},
          {"lease_ms", m.lease_ms},
          {"beat_ms", m.beat_ms},
          {"body_bytes_max", m.body_bytes_max},
          {"chunk_bytes_aim", m.chunk_bytes_aim},
          {"chunk_messages_max", m.chunk_messages_max},
          {"hub_time_us", m.hub_time_us}};
}

json form(const Open& m) {
  return {{"handle", m.handle}, {"name", m.name},
          {"role", m.role},     {"group", m.group},
          {"source", m.source}, {"anonymous", m.anonymous},
          {"epoch", m.epoch},   {"durability", m.durability}};
}

json form(const Opened& m) {
  return {{"handle", m.handle},
          {"epoch", m.epoch},
          {"floor", m.floor},
          {"known", list_of(m.known,
                            [](const auto& range) {
                              return json::array({range.first, range.length});
                            })},
          {"durability", m.durability},
          {"handler_timeout_ms", m.handler_timeout_ms},
          {"max_attempts", m.max_attempts},
          {"body_bytes_max", m.body_bytes_max},
          {"backoff_initial_ms", m.backoff_initial_ms},
          {"forgotten", m.forgotten}};
}

json form(const Send& m) {
  return {{"parts", list_of(m.parts,
                            [](const auto& part) {
                              return json::array({part.handle, part.epoch, part.floor, part.seq,
                                                  part.count, part.lane, part.deliver_at_us,
                                                  part.flags});
                            })},
          {"atomic", m.atomic}};
}

json form(const Confirm& m) {
  return {{"handle", m.handle},
          {"durability", m.durability},
          {"rows", list_of(m.rows, [](const auto& row) {
             return json::array({row.seq, row.length, row.lane, row.offset, row.duplicate});
           })}};
}

json form(const Refuse& m) {
  return {{"handle", m.handle},
          {"rows", list_of(m.rows, [](const auto& row) {
             return json::array({row.seq, row.length, row.code, row.text, row.retry_after_ms});
           })}};
}

json form(const Credit& m) {
  return {
      {"handle", m.handle}, {"messages_total", m.messages_total}, {"bytes_total", m.bytes_total}};
}

json form(const Deliver& m) {
  return {{"handle", m.handle},
          {"number", m.number},
          {"lease", m.lease},
          {"rows", list_of(m.rows, [](const auto& row) {
             return json::array({row.lane, row.offset, row.count, row.attempt, row.flags});
           })}};
}

json form(const Settle& m) {
  return {{"handle", m.handle},
          {"number", m.number},
          {"rows", list_of(m.rows, [](const auto& row) {
             return json::array({row.verb, row.lease, row.lane, row.offset, row.length,
                                 row.delay_ms ? json(*row.delay_ms) : json(), row.reason});
           })}};
}

json form(const Settled& m) {
  return {{"handle", m.handle},
          {"upto", m.upto},
          {"exceptions", list_of(m.exceptions, [](const auto& exception) {
             const Range& range = exception.range;
             return json::array(
                 {exception.lease, range.lane, range.offset, range.length, exception.code});
           })}};
}

json form(const Beat& m) {
  return {{"number", m.number},
          {"echo", m.echo},
          {"received_upto", m.received_upto},
          {"settled_upto", m.settled_upto}};
}

json form(const Recall& m) {
  return {{"handle", m.handle}, {"messages", m.messages}};
}
json form(const Query& m) {
  return {{"id", m.id}, {"what", m.what}, {"after", m.after}};
}
json form(const Reply& m) {
  return {{"id", m.id}, {"code", m.code}, {"text", m.text}, {"more", m.more}};
}
json form(const Error& m) {
  return {{"code", m.code}, {"text", m.text}, {"about", m.about}, {"handle", m.handle}};
}
json form(const GoAway& m) {
  return {{"reason", m.reason}, {"retry_after_ms", m.retry_after_ms}};
}
json form(const Bye&) {
  return json::object();
}

json form_of(const Message& message) {
  json whole = std::visit([](const auto& command) { return form(command); }, message);
  whole["command"] = name_of(static_cast<Command>(message.index() + 1));
  return whole;
}

json form_of(const Meta& meta) {
  const auto time = [](const std::optional<HubTime>& at) { return at ? json(at->us) : json(); };
  const json origin =
      meta.origin ? json::array({meta.origin->queue, meta.origin->lane, meta.origin->offset})
                  : json();
  return {
      {"key", hex_of(meta.key)},
      {"headers", meta.headers},
      {"created", time(meta.created)},
      {"expires", time(meta.expires)},
      {"dedup_id", hex_of(meta.dedup_id)},
      {"reply_to", meta.reply_to},
      {"origin", origin},
      {"history",
       list_of(meta.history,
               [](const Failure& failure) {
                 return json::array({failure.at.us, failure.worker, failure.reason, failure.kind});
               })},
      {"dropped", meta.history_dropped},
      {"others", meta.others_count}};
}

json entries_of(Bytes chunk) {
  json entries = json::array();
  ChunkReader reader(chunk);
  for (Entry entry; reader.next(entry);) {
    entries.push_back({{"meta", entry.meta.empty() ? json() : json(hex_of(entry.meta))},
                       {"body", hex_of(entry.body)}});
  }
  return entries;
}

}  // namespace

TEST_CASE("the vectors of headers hold for the C++ codec") {
  const json vectors = load("headers");
  for (const json& vector : vectors["valid"]) {
    INFO(vector["name"]);
    const std::vector<std::byte> bytes = bytes_of(vector);
    const Result<Message> message = decode(bytes);
    INFO((message ? "" : message.fault().text));
    REQUIRE(message);
    CHECK(form_of(*message) == vector["decoded"]);
    if (vector["canonical"]) CHECK(hex_of(encode(*message)) == vector["hex"]);
  }
  for (const json& vector : vectors["invalid"]) {
    INFO(vector["name"]);
    const Result<Message> message = decode(bytes_of(vector));
    REQUIRE_FALSE(message);
    INFO(message.fault().text);
    CHECK(name_of(message.fault().code) == vector["code"]);
  }
}

TEST_CASE("the vectors of chunks hold for the C++ codec") {
  const json vectors = load("chunks");
  for (const json& vector : vectors["valid"]) {
    INFO(vector["name"]);
    const std::vector<std::byte> bytes = bytes_of(vector);
    const Fault fault = check_chunk(bytes, vector["count"], limits::body_bytes_max);
    REQUIRE(fault.text == "");
    CHECK(entries_of(bytes) == vector["entries"]);
    if (!vector["canonical"]) continue;
    ChunkBuilder builder;
    ChunkReader reader(bytes);
    for (Entry entry; reader.next(entry);) builder.append(entry.meta, entry.body);
    CHECK(hex_of(builder.take().bytes()) == vector["hex"]);
  }
  for (const json& vector : vectors["invalid"]) {
    INFO(vector["name"]);
    const Fault fault = check_chunk(bytes_of(vector), vector["count"], vector["body_bytes_max"]);
    INFO(fault.text);
    CHECK(name_of(fault.code) == vector["code"]);
  }
}

TEST_CASE("the vectors of deliveries hold for the C++ codec") {
  const json vectors = load("deliveries");
  for (const json& vector : vectors["valid"]) {
    INFO(vector["name"]);
    std::vector<std::byte> header;
    append_hex(vector["header"], header);
    const auto deliver = std::get<Deliver>(*decode(header));
    std::vector<Slice> frames;
    for (const std::string hex : vector["frames"]) {
      std::vector<std::byte> bytes;
      append_hex(hex, bytes);
      frames.emplace_back(Buffer::copy_of(bytes));
    }
    REQUIRE(frames_expected(deliver) == frames.size());
    json messages = json::array();
    each_chunk(deliver, frames, limits::body_bytes_max,
               [&](const Deliver::Row& row, const Slice& chunk, const Fault& fault) {
                 CHECK(fault.text == "");
                 ChunkReader reader(chunk.bytes());
                 std::uint64_t offset = row.offset;
                 for (Entry entry; reader.next(entry); ++offset) {
                   messages.push_back({offset, row.attempt, hex_of(entry.body)});
                 }
               });
    CHECK(messages == vector["messages"]);
  }
}

TEST_CASE("the vectors of metas hold for the C++ codec") {
  const json vectors = load("metas");
  for (const json& vector : vectors["valid"]) {
    INFO(vector["name"]);
    const Result<Meta> meta = decode_meta(bytes_of(vector));
    REQUIRE(meta);
    CHECK(form_of(*meta) == vector["decoded"]);
    if (vector["canonical"]) CHECK(hex_of(encode_meta(*meta)) == vector["hex"]);
  }
  for (const json& vector : vectors["invalid"]) {
    INFO(vector["name"]);
    const Result<Meta> meta = decode_meta(bytes_of(vector));
    REQUIRE_FALSE(meta);
    CHECK(name_of(meta.fault().code) == vector["code"]);
  }
}
