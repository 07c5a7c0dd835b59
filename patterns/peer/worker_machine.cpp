// SPDX-License-Identifier: Apache-2.0
// Getting messages and handing them on. What becomes of them is worker_settling_machine.cpp.
#include "patterns/peer/worker_machine.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/codes.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "core/protocol/deliver_chunks.hpp"

namespace pawl::peer {
namespace {

constexpr std::uint32_t handle = 1;  // a worker's session opens one queue
constexpr Duration reopen_after = std::chrono::milliseconds(500);
// The hub stops at 1,024 DELIVERs that we have not said we have.
constexpr std::uint64_t delivers_before_beat = limits::delivers_unreceived_max / 4;

}  // namespace

void WorkerMachine::apply(WorkerEvent event, Instant now, WorkerEffects& effects) {
  if (auto* received = std::get_if<Received>(&event)) {
    on_received(std::move(*received), now, effects);
  } else if (auto* finished = std::get_if<Finished>(&event)) {
    on_finished(std::move(*finished));
  } else if (auto* begun = std::get_if<Begun>(&event)) {
    on_begun(*begun, now);
  } else if (auto* untouched = std::get_if<Untouched>(&event)) {
    on_untouched(*untouched);
  } else if (auto* extend = std::get_if<Extend>(&event)) {
    on_extend(*extend, now);
  } else if (auto* give_back = std::get_if<GiveBack>(&event)) {
    give_back_ready(give_back->messages);
  } else if (const auto* want = std::get_if<Want>(&event)) {
    wanted_ = true;
    started_max_ = want->started_max;
  } else if (std::holds_alternative<Unwant>(event)) {
    on_unwant(effects);
  } else if (std::holds_alternative<Drain>(event)) {
    on_drain(effects);
  } else if (auto* failed = std::get_if<SocketFailed>(&event)) {
    session_.lose(now, failed->why, effects.peer);
    on_ended(effects);
  } else {
    on_leave(effects);
  }
}

void WorkerMachine::tick(Instant now, WorkerEffects& effects) {
  if (session_.tick(now, got_, settled_upto_, effects.peer) == SessionMachine::News::ended) {
    on_ended(effects);
  }
  if (session_.greet_due(now)) session_.greet(now, held(effects), effects.peer);
  if (session_.established() && now >= open_at_) {
    open_at_ = never;
    on_welcomed(effects);
  }
  if (has_handler_timeout()) expire_handlers(now, effects);
  if (!opened_) return;
  if (!wanted_ || draining_) withdraw(effects);
  send_settles(effects);
  grant(effects);
  if (got_ - beaten_got_ >= delivers_before_beat) {
    beaten_got_ = got_;
    session_.beat(now, got_, settled_upto_, effects.peer);
  }
}

Instant WorkerMachine::next_deadline() const {
  return std::min({session_.next_deadline(), open_at_, next_timeout()});
}

void WorkerMachine::on_received(Received received, Instant now, WorkerEffects& effects) {
  const auto message = protocol::decode(received.message.header);
  const auto news = message ? session_.apply(*message, now, effects.peer)
                            : session_.on_undecodable(message.fault(), effects.peer);
  switch (news) {
    case SessionMachine::News::none: return;
    case SessionMachine::News::welcomed: return on_welcomed(effects);
    case SessionMachine::News::ended: return on_ended(effects);
    case SessionMachine::News::other: break;
  }
  if (const auto* deliver = std::get_if<protocol::Deliver>(&*message)) {
    on_deliver(*deliver, std::move(received.message.frames), now, effects);
  } else if (const auto* settled = std::get_if<protocol::Settled>(&*message)) {
    on_settled(*settled);
  } else if (const auto* recall = std::get_if<protocol::Recall>(&*message)) {
    on_recall(recall->messages, effects);
  } else if (const auto* opened = std::get_if<protocol::Opened>(&*message)) {
    on_opened(*opened, effects);
  } else if (const auto* error = std::get_if<protocol::Error>(&*message)) {
    on_error(*error, now, effects);
  }  // what a hub says to producers means nothing here
}

// The hub's handles and credit are of a connection: both begin anew. Leases are of the session.
void WorkerMachine::on_welcomed(WorkerEffects& effects) {
  if (!session_.resumed()) lose_everything(effects);
  granted_messages_ = granted_bytes_ = received_messages_ = received_bytes_ = 0;
  beaten_got_ = got_;
  protocol::Open open;
  open.handle = handle;
  open.name = options_.queue;
  open.role = protocol::Role::worker;
  put(effects.peer, open);
}

void WorkerMachine::on_opened(const protocol::Opened& opened, WorkerEffects& effects) {
  opened_ = true;
  handler_timeout_ = std::chrono::milliseconds(opened.handler_timeout_ms);
  first_backoff_ = std::chrono::milliseconds(opened.backoff_initial_ms);
  for (const Record& record : records_) send_record(record, effects);
  session_.opened(effects.peer);
}

void WorkerMachine::on_deliver(const protocol::Deliver& deliver, std::vector<Slice> frames,
                               Instant now, WorkerEffects& effects) {
  if (!opened_ || deliver.handle != handle || deliver.number <= got_) return;
  if (deliver.number != got_ + 1) {
    session_.lose(now, "DELIVER " + std::to_string(got_ + 1) + " has not come", effects.peer);
    return on_ended(effects);
  }
  if (frames.size() != protocol::frames_expected(deliver)) {
    session_.lose(now, "a DELIVER with another number of chunks than it says", effects.peer);
    return on_ended(effects);
  }
  got_ = deliver.number;
  if (deliver.rows.size() > 1) remember_rows(deliver);
  protocol::each_chunk(deliver, frames, limits::body_bytes_max,
                       [&](const protocol::Deliver::Row& row, Slice chunk, const Fault& fault) {
                         take_in(deliver.lease, row, std::move(chunk), fault);
                       });
}

void WorkerMachine::remember_rows(const protocol::Deliver& deliver) {
  if (rows_of_.size() >= forget_rows_at_) {
    const std::vector<std::uint64_t> held = leases_held();
    std::erase_if(rows_of_, [&](const auto& entry) {
      return !std::binary_search(held.begin(), held.end(), entry.first);
    });
    forget_rows_at_ = std::max<std::size_t>(2 * rows_of_.size(), 64);
  }
  std::vector<protocol::Range>& rows = rows_of_[deliver.lease];
  for (const auto& row : deliver.rows) rows.push_back({row.lane, row.offset, row.count});
  if (!std::is_sorted(rows.begin(), rows.end())) std::sort(rows.begin(), rows.end());
}

void WorkerMachine::take_in(std::uint64_t lease, const protocol::Deliver::Row& row, Slice chunk,
                            const Fault& fault) {
  counts_.received += row.count;
  received_messages_ += row.count;
  received_bytes_ += chunk.size;
  const protocol::Range range{row.lane, row.offset, row.count};
  if (fault.code != Code::ok) {
    return add_row({protocol::Verb::reject, lease, range, {}, fault.text});
  }
  bytes_at_hand_ += chunk.size;
  ready_messages_ += row.count;
  ready_.push_back({next_order_++, lease, row.lane, row.offset, row.count, row.attempt, row.flags,
                    std::move(chunk)});
}

void WorkerMachine::on_error(const protocol::Error& error, Instant now, WorkerEffects& effects) {
  const bool about_open = error.about == static_cast<std::uint64_t>(protocol::Command::open);
  if (about_open && !opened_ && is_transient(error.code)) {
    open_at_ = now + reopen_after;
    return;
  }
  if (about_open && !opened_) {
    // What somebody still works on stays ours until its lease runs out.
    session_.fail(error.code, std::string(error.text), hands_.empty(), effects.peer);
  } else {
    session_.lose_to(error, now, effects.peer);
  }
  on_ended(effects);
}

void WorkerMachine::on_recall(std::uint64_t messages, WorkerEffects& effects) {
  const std::uint64_t given = give_back_ready(messages);
  effects.recall += messages - given;
  // Others are idle: have less at hand from now on, until it runs short.
  window_ = std::max<std::uint32_t>(window_ / 2, 1);
}

// Latest first. Returns how many.
std::uint64_t WorkerMachine::give_back_ready(std::uint64_t messages) {
  std::uint64_t given = 0;
  while (given < messages && !ready_.empty()) {
    Run& run = ready_.back();
    const auto count =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(run.count, messages - given));
    const std::uint32_t kept = run.count - count;
    add_row({protocol::Verb::give_back, run.lease, {run.lane, run.offset + kept, count}, {}, {}});
    given += count;
    ready_messages_ -= count;
    if (kept == 0) {
      bytes_at_hand_ -= run.chunk.size;
      ready_.pop_back();
      continue;
    }
    bytes_at_hand_ -= run.chunk.size;
    run.chunk = cut(run.chunk, 0, kept);
    run.count = kept;
    bytes_at_hand_ += run.chunk.size;
  }
  return given;
}

// The first ready run, or as much of it as may be.
Run WorkerMachine::take_ready(std::uint32_t messages_max) {
  Run& front = ready_.front();
  if (front.count <= messages_max) {
    Run run = std::move(front);
    ready_.pop_front();
    return run;
  }
  Run run = front;
  run.count = messages_max;
  run.chunk = cut(front.chunk, 0, run.count);
  front.chunk = Slice(front.chunk.buffer, front.chunk.offset + run.chunk.size,
                      front.chunk.size - run.chunk.size);
  front.offset += run.count;
  front.count -= run.count;
  return run;
}

std::optional<Hand> WorkerMachine::start(std::uint32_t messages_max, Instant now) {
  const std::uint64_t used = in_hand_ + unsent_;
  if (!wanted_ || draining_ || session_.over() || used >= options_.slots || messages_max == 0)
    return {};
  if (now >= session_.believed_until()) return {};
  if (ready_.empty()) {
    // It ran short: look further ahead again.
    if (may_grow_) window_ = std::min(std::max(window_, 1U) * 2, options_.prefetch_messages);
    may_grow_ = false;
    return {};
  }
  const auto room = static_cast<std::uint32_t>(options_.slots - used);
  const std::uint32_t most = std::min(messages_max, room);
  auto runs = std::make_shared<std::vector<Run>>();
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;
  // Of several only whole ones: to cut a run is to walk its messages once more.
  while (!ready_.empty() && (count == 0 || ready_.front().count <= most - count)) {
    runs->push_back(take_ready(most));
    Run& run = runs->back();
    run.first = count;
    count += run.count;
    bytes += run.chunk.size;
    if (count == most) break;
  }
  ready_messages_ -= count;
  in_hand_ += count;
  counts_.started += count;
  const std::uint64_t id = next_hand_++;
  hands_.emplace_hint(hands_.end(), id, InHand{runs, count, bytes, {{0, count, {}}}, {}});
  return Hand{id, count, std::move(runs)};
}

void WorkerMachine::on_untouched(const Untouched& untouched) {
  const auto at = hands_.find(untouched.hand);
  if (at == hands_.end()) return;  // lost meanwhile
  InHand& hand = at->second;
  PAWL_CHECK(untouched.from <= hand.count);
  if (untouched.from == hand.count) return;
  const std::uint32_t count = hand.count - untouched.from;
  hand.each_part(untouched.from, count, [&](const Run& run, const protocol::Range& range) {
    Run part = run;
    part.offset = range.offset;
    part.count = static_cast<std::uint32_t>(range.length);
    part.chunk = cut(run.chunk, range.offset - run.offset, part.count);
    hand.bytes -= part.chunk.size;
    put_back(std::move(part));
  });
  hand.count = untouched.from;
  while (!hand.open.empty() && hand.open.back().first >= untouched.from) hand.open.pop_back();
  if (!hand.open.empty()) {
    Span& last = hand.open.back();
    last.count = std::min(last.count, untouched.from - last.first);
  }
  in_hand_ -= count;
  counts_.started -= count;
  if (!hand.open.empty()) return;
  bytes_at_hand_ -= hand.bytes;
  hands_.erase(at);
}

void WorkerMachine::put_back(Run run) {
  ready_messages_ += run.count;
  const auto before = [](const Run& a, const Run& b) {
    return std::pair(a.order, a.offset) < std::pair(b.order, b.offset);
  };
  ready_.insert(std::upper_bound(ready_.begin(), ready_.end(), run, before), std::move(run));
}

void WorkerMachine::on_begun(const Begun& begun, Instant now) {
  const auto at = hands_.find(begun.hand);
  if (at == hands_.end()) return;
  if (begun.only) at->second.begun.clear();
  at->second.begun.push_back({begun.first, begun.count, now});
}

void WorkerMachine::on_unwant(WorkerEffects& effects) {
  wanted_ = false;
  effects.recall = UINT64_MAX;
}

// Nothing is begun any more. The credit goes before what is given back: a hub that still has it
// would deliver that to us again.
void WorkerMachine::withdraw(WorkerEffects& effects) {
  if (granted_messages_ > received_messages_) {
    granted_messages_ = received_messages_;
    granted_bytes_ = received_bytes_;
    put(effects.peer, protocol::Credit{handle, granted_messages_, granted_bytes_});
  }
  give_back_ready(UINT64_MAX);
}

void WorkerMachine::on_drain(WorkerEffects& effects) {
  draining_ = true;
  effects.recall = UINT64_MAX;
}

// While somebody still works on a message, a BYE would hand it to another: its lease runs out by
// itself, and what was not begun has been given back.
void WorkerMachine::on_leave(WorkerEffects& effects) {
  draining_ = true;
  if (opened_) {
    withdraw(effects);
    send_settles(effects);
  }
  session_.leave(hands_.empty(), effects.peer);
  on_ended(effects);
}

void WorkerMachine::on_ended(WorkerEffects& effects) {
  opened_ = false;
  open_at_ = never;
  if (session_.over()) lose_everything(effects);
}

void WorkerMachine::lose_everything(WorkerEffects& effects) {
  effects.all_lost = effects.all_lost || !hands_.empty();
  counts_.stale += unsent_;
  for (const Record& record : records_) {
    for (const Row& row : record.rows) {
      if (row.verb != protocol::Verb::extend) counts_.stale += row.range.length;
    }
  }
  ready_.clear();
  hands_.clear();
  rows_.clear();
  records_.clear();
  rows_of_.clear();
  ready_messages_ = in_hand_ = bytes_at_hand_ = unsent_ = 0;
  got_ = beaten_got_ = settle_number_ = settled_upto_ = 0;
}

// Of everything that is not answered, each once, ascending.
std::vector<std::uint64_t> WorkerMachine::leases_held() const {
  std::vector<std::uint64_t> leases;
  const auto add = [&](std::uint64_t lease) {
    if (leases.empty() || leases.back() != lease) leases.push_back(lease);
  };
  for (const Run& run : ready_) add(run.lease);
  for (const auto& [id, hand] : hands_) {
    for (const Run& run : *hand.runs) add(run.lease);
  }
  for (const Row& row : rows_) add(row.lease);
  for (const Record& record : records_) {
    for (const Row& row : record.rows) add(row.lease);
  }
  std::sort(leases.begin(), leases.end());
  leases.erase(std::unique(leases.begin(), leases.end()), leases.end());
  return leases;
}

// A resume would list a range a lease, or more if its messages are not answered in their order.
bool WorkerMachine::may_list_all() const {
  std::size_t most = ready_.size() + rows_.size();
  for (const auto& [id, hand] : hands_) most += hand.runs->size();
  for (const Record& record : records_) most += record.rows.size();
  return most < limits::held_ranges_max || leases_held().size() < limits::held_ranges_max;
}

void WorkerMachine::grant(WorkerEffects& effects) {
  if (!wanted_ || draining_) return;
  // What nobody would start is not asked for.
  const std::uint64_t startable = started_max_ - std::min(started_max_, counts_.started);
  const std::uint64_t window =
      std::min<std::uint64_t>(window_, startable < window_ ? startable + in_hand_ : window_);
  const std::uint64_t at_hand = ready_messages_ + in_hand_;
  if (at_hand >= window || bytes_at_hand_ >= options_.prefetch_bytes) return;
  const std::uint64_t messages = received_messages_ + window - at_hand;
  const std::uint64_t bytes = received_bytes_ + options_.prefetch_bytes - bytes_at_hand_;
  // A quarter at a time: a CREDIT for each message would cost more than the message.
  const bool grew = messages >= granted_messages_ + (window + 3) / 4 ||
                    bytes >= granted_bytes_ + options_.prefetch_bytes / 4;
  if (!grew || !may_list_all()) return;
  granted_messages_ = std::max(granted_messages_, messages);
  granted_bytes_ = std::max(granted_bytes_, bytes);
  put(effects.peer, protocol::Credit{handle, granted_messages_, granted_bytes_});
}

}  // namespace pawl::peer
