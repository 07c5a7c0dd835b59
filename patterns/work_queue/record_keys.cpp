// SPDX-License-Identifier: Apache-2.0
// Keys of rows: one byte of kind, then log (u32), lane and group (one byte each, 0 in this version,
// so that priorities and topics need no new layout), then the number, all big-endian.
#include "patterns/work_queue/records.hpp"

namespace pawl::records {
namespace {

constexpr char kind_hub = 'f', kind_queue = 'q', kind_counters = 'g', kind_index = 'i',
               kind_active = 'c', kind_failure = 'r', kind_producer = 'p', kind_session = 'n';
constexpr std::uint8_t lane = 0, group = 0;

ByteWriter of_log(char kind, LogId log) {
  ByteWriter key;
  key.u8(static_cast<std::uint8_t>(kind)).u32_ordered(log).u8(lane).u8(group);
  return key;
}

KeyRange every(std::string prefix) {
  std::string to = prefix;
  to.back() = static_cast<char>(to.back() + 1);  // no prefix of ours ends in 0xFF
  return {std::move(prefix), std::move(to)};
}

}  // namespace

std::string hub_key() {
  return {kind_hub};
}
std::string queue_key(std::string_view name) {
  return kind_queue + std::string(name);
}
std::string counters_key(LogId log) {
  return of_log(kind_counters, log).take();
}
std::string index_key(LogId log, std::uint64_t offset) {
  return of_log(kind_index, log).u64_ordered(offset).take();
}
std::string active_key(LogId log, std::uint64_t chunk_offset) {
  return of_log(kind_active, log).u64_ordered(chunk_offset).take();
}
std::string failure_key(LogId log, std::uint64_t offset) {
  return of_log(kind_failure, log).u64_ordered(offset).take();
}
std::string producer_key(LogId log, std::string_view source) {
  return of_log(kind_producer, log).raw(source).take();
}
std::string session_key(std::uint64_t session) {
  return ByteWriter().u8(kind_session).u64_ordered(session).take();
}
std::string chunk_key(std::uint64_t chunk_id) {
  return ByteWriter().u64_ordered(chunk_id).take();
}

KeyRange all_queues() {
  return every({kind_queue});
}
KeyRange all_active(LogId log) {
  return every(of_log(kind_active, log).take());
}
KeyRange all_failures(LogId log) {
  return every(of_log(kind_failure, log).take());
}
KeyRange all_producers(LogId log) {
  return every(of_log(kind_producer, log).take());
}
KeyRange all_sessions() {
  return every({kind_session});
}
KeyRange index_from(LogId log, std::uint64_t offset) {
  return {index_key(log, offset), every(of_log(kind_index, log).take()).to};
}

std::string_view name_in_queue_key(std::string_view key) {
  return key.substr(1);
}
std::string_view source_in_producer_key(std::string_view key) {
  return key.substr(7);
}
std::uint64_t number_at_end(std::string_view key) {
  return key.size() < 8 ? 0 : ByteReader(key.substr(key.size() - 8)).ordered(8);
}

}  // namespace pawl::records
