// SPDX-License-Identifier: Apache-2.0
// Sessions: who is there. HELLO, resume, OPEN, BEAT, BYE, and the death of the silent.
#include <algorithm>

#include "core/check.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "core/protocol/names.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {

using protocol::Command;

namespace {

// A worker that does not say may have started this many (design.md).
constexpr std::uint32_t slots_default = 256;
// DELIVER numbers never get near this; a peer that claims to have received it must not wrap ours.
constexpr std::uint64_t got_max = std::uint64_t{1} << 53;

}  // namespace

void HubMachine::on_message(RoutedMessage received, Now now) {
  now_ = now;
  const auto decoded = protocol::decode(received.message.header);
  const auto known = by_connection_.find(received.routing_id);
  Session* session = known == by_connection_.end() ? nullptr : find_session(known->second);
  const auto answer = [&](Code code, std::string_view text) {
    at_once_.push_back(
        {received.routing_id, {protocol::encode(protocol::Error{code, text, 0, 0}), {}}});
  };
  if (!decoded) return answer(decoded.fault().code, decoded.fault().text);
  if (protocol::frames_expected(*decoded) != received.message.frames.size()) {
    return answer(Code::bad_frame, "the header announces another number of chunk frames");
  }
  if (const auto* hello = std::get_if<protocol::Hello>(&*decoded)) {
    return on_hello(*hello, received.routing_id, now);
  }
  if (session == nullptr) {
    return answer(Code::unknown_session, "no session on this connection: send HELLO first");
  }
  hear(*session, now);
  on_decoded(*session, *decoded, received, now);
}

void HubMachine::on_decoded(Session& session, const protocol::Message& message,
                            RoutedMessage& received, Now now) {
  if (const auto* send = std::get_if<protocol::Send>(&message)) {
    return on_send(session, *send, received.message.frames, now);
  }
  if (const auto* settle = std::get_if<protocol::Settle>(&message)) {
    return on_settle(session, *settle, now);
  }
  if (const auto* beat = std::get_if<protocol::Beat>(&message)) return on_beat(session, *beat);
  if (const auto* credit = std::get_if<protocol::Credit>(&message)) {
    return on_credit(session, *credit);
  }
  if (const auto* open = std::get_if<protocol::Open>(&message)) return on_open(session, *open, now);
  if (const auto* query = std::get_if<protocol::Query>(&message)) {
    return on_query(session, *query, now);
  }
  if (std::holds_alternative<protocol::Bye>(message)) return end_session(session.id, false, now);
  if (std::holds_alternative<protocol::Error>(message)) return;  // a peer's complaint asks nothing
  tell_error(session, Code::unsupported, "this command is sent by hubs only", Command::error);
}

void HubMachine::on_hello(const protocol::Hello& hello, const std::string& connection, Now now) {
  const auto refuse = [&](Code code, std::string_view text) {
    const protocol::Error error{code, text, static_cast<std::uint64_t>(Command::hello), 0};
    at_once_.push_back({connection, {protocol::encode(error), {}}});
  };
  if (std::find(hello.versions.begin(), hello.versions.end(), protocol::version) ==
      hello.versions.end()) {
    return refuse(Code::unsupported, "this hub speaks PAWL version 1 only");
  }
  const auto known = hello.token ? by_token_.find(*hello.token) : by_token_.end();
  const bool resumed = known != by_token_.end();
  if (resumed && hello.number != 0 && hello.number <= find_session(known->second)->hello_number) {
    // A former connection's, overtaken by a newer one's: what it says is held is out of date (G2).
    return refuse(Code::bad_frame, "a HELLO with a higher number was here before: count them up");
  }
  if (!resumed && sessions_.size() >= limits::sessions_max) {
    return refuse(Code::retry, "this hub has as many sessions as it can keep; try again later");
  }
  Session& session = resumed ? *find_session(known->second) : start_session(hello);
  session.hello_number = hello.number;
  bind_connection(session, connection);
  if (resumed) resume(session, hello);
  hear(session, now);
  protocol::Welcome welcome;
  welcome.store_id = hub_row_.store_id;
  welcome.boot = hub_row_.boot;
  welcome.token = session.token;
  welcome.resumed = resumed;
  welcome.lease_ms = static_cast<std::uint32_t>(config_.timing.lease.count());
  welcome.beat_ms = static_cast<std::uint32_t>(config_.timing.beat.count());
  welcome.body_bytes_max = limits::body_bytes_max;
  welcome.chunk_bytes_aim = limits::chunk_bytes_aim;
  welcome.chunk_messages_max = limits::chunk_messages_max;
  welcome.hub_time_us = now.hub.us;
  tell(session, welcome);
}

Session& HubMachine::start_session(const protocol::Hello& hello) {
  const SessionId id = next_id();
  Session& session = sessions_[id];
  session.id = id;
  session.token = entropy_.bytes16();
  session.peer = hello.peer;
  session.settle_number = 0;
  session.slots = hello.slots == 0 ? slots_default : std::min(hello.slots, limits::slots_max);
  by_token_[session.token] = id;
  return session;
}

// The peer came back on a new connection. It tells what it still holds; everything else that it was
// given is free again, uncounted: it was never received, or was dropped.
void HubMachine::resume(Session& session, const protocol::Hello& hello) {
  close_handles(session);
  session.settle_number.reset();  // it goes on with the first one that we have not answered
  session.stuck = 0;              // what it lists it means to finish
  const std::uint64_t got = std::min(hello.got, got_max);
  session.next_deliver = got + 1;
  session.received_upto = got;
  session.received_bytes = session.sent_bytes;
  session.unreceived.clear();
  const std::uint32_t slots = std::min(hello.slots, limits::slots_max);
  if (slots != 0 && slots != session.slots) {
    session.slots = slots;
    if (session.has_row) dirty_sessions_.insert(session.id);
  }
  std::map<LeaseId, std::vector<protocol::Range>> kept;
  for (const auto& held : hello.held) kept[held.lease].push_back(held.range);
  const auto leases = session.leases;  // changes below
  for (const auto& [lease, log] : leases) {
    Queue& queue = queues_.at(log);
    auto& ranges = kept[lease];
    std::sort(ranges.begin(), ranges.end());
    queue.group.release_except(lease, ranges);
    note_ended(queue);
  }
}

void HubMachine::bind_connection(Session& session, const std::string& connection) {
  if (!session.connection.empty()) by_connection_.erase(session.connection);
  const auto other = by_connection_.find(connection);
  if (other != by_connection_.end()) {
    // One connection, two HELLOs: the first session can never be spoken for again.
    if (other->second != session.id) end_session(other->second, false, now_);
  }
  session.connection = connection;
  by_connection_[connection] = session.id;
}

void HubMachine::on_open(Session& session, const protocol::Open& open, Now now) {
  const auto refuse = [&](Code code, std::string text) {
    tell_error(session, code, std::move(text), Command::open, open.handle);
  };
  if (const Fault fault = protocol::check_queue_name(open.name); fault.code != Code::ok) {
    return refuse(fault.code, fault.text);
  }
  if (open.role != protocol::Role::producer && open.role != protocol::Role::worker) {
    return refuse(Code::unsupported,
                  "this hub opens queues for the roles producer and worker only");
  }
  if (!open.group.empty()) return refuse(Code::unsupported, "a work queue has no named groups");
  if (open.durability > config_.durability) {
    return refuse(Code::no_durability,
                  "the store of this hub cannot give the durability that was demanded; use a hub "
                  "with --data, or demand less");
  }
  if (session.handles.count(open.handle) != 0) {
    return refuse(Code::bad_frame, "this handle is open already; use another number");
  }
  if (session.handles.size() >= limits::handles_max) {
    return refuse(Code::bad_frame, "a session opens at most 64 handles; open a second session");
  }
  Queue* found = find_queue(open.name);
  // One of an earlier configuration is worked off, and takes nothing new.
  const bool adds = found == nullptr || open.role == protocol::Role::producer;
  if (config_.strict && adds && !is_configured(open.name)) {
    return refuse(Code::no_queue, "no queue of this name is configured, and this hub is strict");
  }
  if (found == nullptr && !has_dead_letter_name(open.name) && !is_default_dead_letter(open.name)) {
    return refuse(Code::bad_name,
                  "a name of more than 123 characters leaves no room for NAME.dead: configure a "
                  "dead_letter for it, or use a shorter name");
  }
  if (found == nullptr && queues_.size() >= limits::queues_max) {
    return refuse(Code::full, "this hub has as many queues as it can keep");
  }
  Queue& queue = found != nullptr ? *found : make_queue(open.name);
  if (session.handle_of(queue.log.id(), open.role) != nullptr) {
    return refuse(Code::bad_frame, "this session has the queue open in this role already");
  }
  Handle& handle = session.handles[open.handle];
  handle.number = open.handle;
  handle.queue = queue.log.id();
  handle.role = open.role;
  if (open.role == protocol::Role::producer) return open_producer(session, handle, open, now);
  queue.worker_handles.emplace_back(session.id, handle.number);
  if (!session.has_row) dirty_sessions_.insert(session.id);
  finish_open(session, handle, now);
}

void HubMachine::on_beat(Session& session, const protocol::Beat& beat) {
  if (beat.received_upto > session.received_upto) {
    session.on_received(beat.received_upto);
    for (const auto& [number, handle] : session.handles) touched_.insert(handle.queue);
  }
  at_once_.push_back(
      {session.connection,
       {protocol::encode(protocol::Beat{++session.beats_sent, beat.number, 0, 0}), {}}});
}

void HubMachine::on_unsent(const std::vector<RoutedMessage>& messages) {
  for (const RoutedMessage& unsent : messages) {
    const auto known = by_connection_.find(unsent.routing_id);
    if (known != by_connection_.end()) {
      find_session(known->second)->connection.clear();
      by_connection_.erase(known);
    }
    const auto message = protocol::decode(unsent.message.header);
    PAWL_CHECK(message);
    if (const auto* deliver = std::get_if<protocol::Deliver>(&*message)) take_back(deliver->lease);
  }
  sending_leases_.clear();
}

// Never left: nobody can have begun it.
void HubMachine::take_back(LeaseId lease) {
  const auto sending = sending_leases_.find(lease);
  const Session* session =
      sending == sending_leases_.end() ? nullptr : find_session(sending->second);
  if (session == nullptr) return;
  const auto held = session->leases.find(lease);
  if (held == session->leases.end()) return;
  Queue& queue = queues_.at(held->second);
  queue.group.release(lease);
  note_ended(queue);
}

void HubMachine::on_socket_lost() {
  for (const auto& [connection, id] : by_connection_) {
    if (Session* session = find_session(id)) session->connection.clear();
  }
  by_connection_.clear();
}

void HubMachine::close_handles(Session& session) {
  for (const auto& [number, handle] : session.handles) {
    Queue& queue = queues_.at(handle.queue);
    const Queue::HandleKey key{session.id, number};
    std::erase(queue.worker_handles, key);
    if (queue.worker_handles.empty()) behind_.erase(handle.queue);
    if (handle.role != protocol::Role::producer) continue;
    std::erase(queue.producer_handles, key);
    if (handle.epoch != 0) --producer_handles_;
    const auto producer = queue.producers.find(handle.source);
    if (producer != queue.producers.end() && producer->second.handles > 0) {
      --producer->second.handles;
    }
  }
  session.handles.clear();
  session.running_dry_for = 0;
}

void HubMachine::end_session(SessionId id, bool died, Now now) {
  Session& session = *find_session(id);
  std::uint64_t held = 0;
  for (const auto& [lease, log] : session.leases) held += queues_.at(log).group.held_under(lease);
  if (died && held > 0) {
    note(LogLevel::warning, "worker \"" + session.peer +
                                "\" has been silent for lease + margin while it held " +
                                std::to_string(held) + " messages: they go to others");
  }
  const auto leases = session.leases;
  std::uint32_t slots = session.slots;
  for (const auto& [lease, log] : leases) {  // ascending ids: the order of delivery
    Queue& queue = queues_.at(log);
    const bool has_left = waiting_leases_.count(lease) + sending_leases_.count(lease) == 0;
    if (died && has_left) {
      queue.expired += queue.group.held_under(lease);
      // What was the only one it held may still have been on its way to a worker that was dead.
      const bool received = session.received_upto >= queue.group.number_of(id, lease);
      const bool alone = held == 1 && (session.alone || received);
      slots = queue.group.on_death(lease, slots, alone, judge(queue, session.peer, now));
    } else {
      queue.group.release(lease);
    }
    note_ended(queue);
  }
  close_handles(session);
  by_token_.erase(session.token);
  if (session.is_connected()) by_connection_.erase(session.connection);
  if (session.has_row) gone_rows_.push_back(id);
  deadlines_.erase({session.indexed_deadline, id});
  dirty_sessions_.erase(id);
  sessions_.erase(id);
}

// A session that has been silent for lease + margin has died; but only if the socket was read to
// its end, or reading could not keep up for a whole second past the deadline: silence must be the
// peer's.
void HubMachine::expire_sessions(Now now, bool socket_was_empty) {
  if (deadlines_.empty() || deadlines_.begin()->first > now.mono) {
    overdue_since_ = never;
    return;
  }
  if (overdue_since_ == never) overdue_since_ = now.mono;
  if (!socket_was_empty && now.mono - overdue_since_ < overdue_max) return;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono) {
    const SessionId id = deadlines_.begin()->second;
    Session& session = *find_session(id);
    if (session.deadline <= now.mono) {
      end_session(id, true, now);
    } else {
      index_deadline(session);
    }
  }
  overdue_since_ = never;
}

void HubMachine::hear(Session& session, Now now) {
  touch(session, now);
  if (!std::exchange(session.heard, true)) heard_.push_back(session.id);
}

void HubMachine::touch(Session& session, Now now) {
  const bool is_new = session.deadline == Instant{};
  if (!is_new) excuse_silence(session, now.mono);
  session.deadline = now.mono + config_.timing.lease + config_.timing.margin;
  // It may be earlier than it was: postpone() had counted on silence.
  if (is_new || session.deadline < session.indexed_deadline) index_deadline(session);
}

// Beats come one a beat. After a longer silence this is a worker that stood still or was cut off:
// no handler of it has run, or could say so. A beat of it counts, so that one who beats too slowly
// has no handlers without end; and our own stall, which postpone() sees to, is no silence.
void HubMachine::excuse_silence(Session& session, Instant now) {
  const Duration silence = now - std::max(last_heard(session), session.oldest_since);
  if (silence > 2 * config_.timing.beat) session.oldest_silence += silence - config_.timing.beat;
  const Duration all = std::max(now - session.oldest_since, Duration{});
  session.oldest_silence = std::min(session.oldest_silence, all);
}

void HubMachine::index_deadline(Session& session) {
  deadlines_.erase({session.indexed_deadline, session.id});
  session.indexed_deadline = session.deadline;
  deadlines_.emplace(session.deadline, session.id);
}

Session* HubMachine::find_session(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

void HubMachine::announce_end(std::string_view reason, std::uint32_t retry_after_ms) {
  for (const auto& [id, session] : sessions_) {
    tell(session, protocol::GoAway{reason, retry_after_ms});
  }
}

// Bounded: a storm of events must not become a storm of memory.
void HubMachine::note(LogLevel level, std::string sentence) {
  constexpr std::size_t notes_max = 64;
  // Peers' names and reasons stand in it: none of their bytes may act on a log or a terminal.
  for (char& c : sentence) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (notes_.size() < notes_max) {
    notes_.push_back({level, std::move(sentence)});
  } else {
    ++notes_left_out_;
  }
}

std::vector<HubMachine::Note> HubMachine::take_notes() {
  if (notes_left_out_ > 0) {
    notes_.push_back({LogLevel::warning, std::to_string(std::exchange(notes_left_out_, 0)) +
                                             " more such sentences at the same moment"});
  }
  return std::exchange(notes_, {});
}

void HubMachine::tell(const Session& session, const protocol::Message& message,
                      std::vector<Slice> frames) {
  if (!session.is_connected()) return;
  gated_.push_back({session.connection, {protocol::encode(message), std::move(frames)}});
  gated_bytes_ += sizeof(RoutedMessage) + gated_.back().message.header.size();
  for (const Slice& frame : gated_.back().message.frames) gated_bytes_ += frame.size;
}

void HubMachine::tell_error(const Session& session, Code code, std::string text, Command about,
                            std::uint32_t handle) {
  tell(session, protocol::Error{code, text, static_cast<std::uint64_t>(about), handle});
}

}  // namespace pawl
