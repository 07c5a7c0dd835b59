// SPDX-License-Identifier: Apache-2.0
// QUERY "stat": counters that are kept as things happen, never a scan. docs/protocol.md, "Stat".
#include <msgpack.hpp>

#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

// Queues in one REPLY: each takes at most 128 bytes of name and 250 of fields, so a frame stays far
// below its bound of 1 MiB.
constexpr std::size_t queues_per_reply = 1024;

using Packer = msgpack::packer<msgpack::sbuffer>;

void pack_number(Packer& out, std::string_view key, std::uint64_t value) {
  out.pack(key);
  out.pack_uint64(value);
}

double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

template <class Out>
void HubMachine::pack_device(Out& out, Now now) const {
  out.pack_map(6);
  out.pack(std::string_view("durability"));
  out.pack(config_.durability == protocol::Durability::memory ? "memory" : "synced");
  pack_number(out, "boot", hub_row_.boot);
  pack_number(out, "uptime_s", static_cast<std::uint64_t>(seconds(now.mono - started_at_)));
  pack_number(out, "sessions", sessions_.size());
  pack_number(out, "free_bytes", free_bytes_);
  pack_number(out, "queues", queues_.size());
}

template <class Out>
void HubMachine::pack_queue(Out& out, const Queue& queue, Now now) const {
  const Group& group = queue.group;
  out.pack_map(15);
  out.pack(std::string_view("name"));
  out.pack(queue.name);
  pack_number(out, "ready", queue.ready());
  pack_number(out, "leased", group.count(RunState::leased));
  pack_number(out, "delayed", group.count(RunState::delayed) + group.count(RunState::dying));
  pack_number(out, "dead", queue.dead);
  pack_number(out, "accepted", queue.accepted);
  pack_number(out, "acked", group.acked());
  pack_number(out, "retried", group.retried());
  pack_number(out, "expired", queue.expired);
  pack_number(out, "refused", queue.refused);
  pack_number(out, "workers", queue.worker_handles.size());
  pack_number(out, "producers", queue.producer_handles.size());
  pack_number(out, "bytes", queue.log.bytes());
  pack_number(out, "max_attempts", queue.policy.max_attempts);
  std::optional<HubTime> oldest = group.oldest_ready();
  const std::optional<HubTime> fresh = queue.log.stored_at(group.scanned_to());
  if (fresh) oldest = std::min(oldest.value_or(*fresh), *fresh);
  out.pack(std::string_view("oldest_ready_age_s"));
  out.pack_double(oldest ? seconds(now.hub - *oldest) : 0.0);
}

void HubMachine::on_query(Session& session, const protocol::Query& query, Now now) {
  if (query.what != "stat") {
    const std::string text = "this hub answers the query \"stat\" only";
    protocol::Reply reply{query.id, Code::unsupported, text, false};
    return tell(session, reply, {Buffer::copy_of(Bytes{})});
  }
  msgpack::sbuffer buffer;
  Packer out(buffer);
  out.pack_map(2);
  out.pack(std::string_view("device"));
  pack_device(out, now);
  const auto first = by_name_.upper_bound(std::string(query.after));
  auto last = first;
  std::uint32_t count = 0;
  for (; last != by_name_.end() && count < queues_per_reply; ++last) ++count;
  out.pack(std::string_view("queues"));
  out.pack_array(count);
  for (auto at = first; at != last; ++at) pack_queue(out, queues_.at(at->second), now);
  protocol::Reply reply{query.id, Code::ok, "", last != by_name_.end()};
  const auto* data = reinterpret_cast<const std::byte*>(buffer.data());
  tell(session, reply, {Buffer::copy_of({data, buffer.size()})});
}

Queue* HubMachine::find_queue(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &queues_.at(found->second);
}

Queue& HubMachine::make_queue(std::string_view name) {
  const auto configured = config_.queues.find(std::string(name));
  const QueuePolicy& policy = configured == config_.queues.end() ? config_.defaults : configured->second;
  const LogId id = next_log_++;
  by_name_.emplace(name, id);
  touched_.insert(id);
  return queues_.try_emplace(id, id, std::string(name), policy).first->second;
}

}  // namespace pawl
