// SPDX-License-Identifier: Apache-2.0
// QUERY "stat": counters that are kept as things happen, never a scan. docs/protocol.md, "Stat".
#include "core/chunk/pack_writer.hpp"
#include "core/protocol/codec.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

// Queues in one REPLY: each takes at most 128 bytes of name and 250 of fields, so a frame stays far
// below its bound of 1 MiB.
constexpr std::size_t queues_per_reply = 1024;

void pack_number(PackWriter& out, std::string_view key, std::uint64_t value) {
  out.write_text(key);
  out.write_uint(value);
}

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace

void HubMachine::pack_device(PackWriter& out, Now now) const {
  out.write_map(6);
  out.write_text("durability");
  out.write_text(config_.durability == protocol::Durability::memory ? "memory" : "synced");
  pack_number(out, "boot", hub_row_.boot);
  pack_number(out, "uptime_s", static_cast<std::uint64_t>(seconds(now.mono - started_at_)));
  pack_number(out, "sessions", sessions_.size());
  pack_number(out, "free_bytes", free_bytes_);
  pack_number(out, "queues", queues_.size());
}

void HubMachine::pack_queue(PackWriter& out, const Queue& queue, Now now) const {
  const Group& group = queue.group;
  out.write_map(15);
  out.write_text("name");
  out.write_text(queue.name);
  const QueueNumbers numbers = queue.numbers();
  pack_number(out, "ready", numbers.ready);
  pack_number(out, "leased", numbers.leased);
  pack_number(out, "delayed", numbers.delayed + numbers.dying);
  pack_number(out, "dead", numbers.dead);
  pack_number(out, "accepted", numbers.accepted);
  pack_number(out, "acked", numbers.acked);
  pack_number(out, "retried", numbers.retried);
  pack_number(out, "expired", queue.expired);
  pack_number(out, "refused", numbers.refused);
  pack_number(out, "workers", numbers.workers);
  pack_number(out, "producers", numbers.producers);
  pack_number(out, "bytes", queue.log.bytes());
  pack_number(out, "max_attempts", queue.policy.max_attempts);
  std::optional<HubTime> oldest = group.oldest_ready();
  const std::optional<HubTime> fresh = queue.log.stored_at(group.scanned_to());
  if (fresh) oldest = std::min(oldest.value_or(*fresh), *fresh);
  out.write_text("oldest_ready_age_s");
  out.write_double(oldest ? seconds(now.hub - *oldest) : 0.0);
}

std::map<std::string, QueueNumbers> HubMachine::numbers() const {
  std::map<std::string, QueueNumbers> all;
  for (const auto& [id, queue] : queues_) all.emplace(queue.name, queue.numbers());
  return all;
}

void HubMachine::on_query(Session& session, const protocol::Query& query, Now now) {
  if (query.what != "stat") {
    const std::string text = "this hub answers the query \"stat\" only";
    protocol::Reply reply{query.id, Code::unsupported, text, false};
    return tell(session, reply);
  }
  std::vector<std::byte> bytes;
  PackWriter out(bytes);
  out.write_map(2);
  out.write_text("device");
  pack_device(out, now);
  const auto first = by_name_.upper_bound(std::string(query.after));
  auto last = first;
  std::size_t count = 0;
  for (; last != by_name_.end() && count < queues_per_reply; ++last) ++count;
  out.write_text("queues");
  out.write_array(count);
  for (auto at = first; at != last; ++at) pack_queue(out, queues_.at(at->second), now);
  protocol::Reply reply{query.id, Code::ok, "", last != by_name_.end()};
  tell(session, reply, {Buffer::copy_of(bytes)});
}

}  // namespace pawl
