// SPDX-License-Identifier: Apache-2.0
// What workers were handed and answered, and what is among the dead letters (G2, G3, G7).
#include <algorithm>

#include "tests/support/simulation/oracle.hpp"

namespace pawl::testing {
namespace {

// Time of the hub's may run 5 % faster or slower than the clock that we look at.
constexpr double hub_time_spread = 0.05;

Duration shortest_backoff(const Backoff& backoff, std::uint32_t failures) {
  double us = static_cast<double>(Duration(backoff.initial).count());
  for (std::uint32_t i = 1; i < failures; ++i) us *= backoff.factor;
  us = std::min(us, static_cast<double>(Duration(backoff.max).count()));
  us *= (1.0 - backoff.jitter) * (1.0 - hub_time_spread);
  return Duration(static_cast<Duration::rep>(us)) - std::chrono::milliseconds(1);
}

}  // namespace

// Also what a worker that stands still was about to answer: its hub may have given it up.
bool Oracle::took_too_long(Instant since, Instant now) const {
  const Duration limit = expected_.policy.handler_timeout;
  return limit > Duration{} && now - since >= limit - limit / 10;
}

// The hub blames a message for a death only if its worker held nothing else, as the hub sees it:
// what was not answered is held, and what was answered may not have reached it.
bool Oracle::may_be_blamed(const Session& session, const Held& held, std::size_t open) {
  return session.is_uncertain || (open == 1 && !held.is_answered) || open == 0;
}

void Oracle::may_have_missed(const std::string& worker) {
  Session& session = sessions_[worker];
  session.may_have_missed = std::all_of(session.held.begin(), session.held.end(),
                                        [](const auto& one) { return one.second.is_answered; });
}

// One for each session that was lost, or may be, with nothing in its hands that anybody saw.
bool Oracle::blame_what_nobody_saw(Message& message) {
  const auto missing = std::find_if(sessions_.begin(), sessions_.end(),
                                    [](const auto& one) { return one.second.may_have_missed; });
  if (missing != sessions_.end()) {
    missing->second.may_have_missed = false;
  } else if (missed_ > 0) {
    --missed_;
  } else {
    return false;
  }
  ++message.died_alone;
  ++blamed_unseen_;
  return true;
}

// By the hub alone: it has given up a session whose worker does not know yet.
std::uint32_t Oracle::possible_deaths(const std::string& body, std::uint64_t offset) const {
  std::uint32_t count = 0;
  for (const auto& [name, session] : sessions_) {
    if (session.sent_alone.count(body) != 0) ++count;
    const auto held = session.held.find(offset);
    if (held == session.held.end()) continue;
    const auto open = std::count_if(session.held.begin(), session.held.end(),
                                    [](const auto& one) { return !one.second.is_answered; });
    if (may_be_blamed(session, held->second, static_cast<std::size_t>(open))) ++count;
  }
  return count;
}

std::uint32_t Oracle::possible_timeouts(const Message& message, std::uint64_t offset,
                                        Instant now) const {
  auto count = static_cast<std::uint32_t>(
      std::count_if(message.died_since.begin(), message.died_since.end(),
                    [&](Instant since) { return took_too_long(since, now); }));
  for (const auto& [name, session] : sessions_) {
    const auto held = session.held.find(offset);
    if (held != session.held.end() && took_too_long(held->second.since, now)) ++count;
  }
  return count;
}

void Oracle::handed(const std::string& worker, const std::string& body, Handed what, Instant now) {
  Session& session = sessions_[worker];
  what.is_taken = what.is_taken && !session.is_resuming;
  tell(body, "is handed to " + worker + " as attempt " + std::to_string(what.attempt) + " at " +
                 std::to_string(what.offset) + (what.is_taken ? "" : ", which drops it"));
  place(body, what.offset);
  Message& message = of(body);
  message.last_lease = std::max(message.last_lease, what.lease);
  may_be_gone(message);
  check_not_settled(body, message);
  check_attempt(body, message, what, now);
  check_backoff(body, message, what, now);
  check_order(worker, body, what);
  if (what.is_taken) session.sent_alone.erase(body);  // else it is alone with it for its hub
  const auto held = session.held.find(what.offset);
  if (held != session.held.end() && took_too_long(held->second.since, now)) ++message.timed_out;
  session.held.insert_or_assign(what.offset, Held{&message, now, what.attempt, what.lease,
                                                  power_losses_, what.is_taken, false});
  check_one_holder(worker, what.offset, now);
}

// Leases grow, and what is handed out for the first time comes in the order of the log, unless the
// hub has lost the rows that say what was (G2, G4).
void Oracle::check_order(const std::string& worker, const std::string& body, const Handed& what) {
  Session& session = sessions_[worker];
  if (what.lease < session.last_lease) {
    complain("G2 " + worker + " was given a lease with a lower number than the one before");
  }
  session.last_lease = what.lease;
  if (what.redelivered || session.power_losses != power_losses_) return;
  if (session.last_fresh && what.offset <= *session.last_fresh) {
    complain("G4 " + body + " was handed to " + worker + " after what was accepted later");
  }
  session.last_fresh = what.offset;
}

// G3: no more failures than max_attempts, and none that nobody saw. A bystander that is blamed is
// one that nobody saw.
void Oracle::check_attempt(const std::string& body, Message& message, const Handed& what,
                           Instant now) {
  const std::string said = body + " is handed out as attempt " + std::to_string(what.attempt);
  if (what.attempt > expected_.policy.max_attempts) {
    complain("G3 " + said + " of " + std::to_string(expected_.policy.max_attempts));
  }
  std::uint32_t seen = message.failures() + unseen_deaths(message) +
                       possible_deaths(body, what.offset) +
                       possible_timeouts(message, what.offset, now);
  while (what.attempt - 1 > seen && blame_what_nobody_saw(message)) ++seen;
  if (what.attempt - 1 > seen) {
    complain("G3 " + said + ", but only " + std::to_string(seen) + " failures could be seen");
  }
  // Failures that were not synced are forgotten when the power is lost, and only then.
  const bool is_newer = what.lease > message.nacked_lease;
  const bool is_kept = message.nacked_since == power_losses_;
  if (is_newer && what.attempt < message.nacked_attempt && is_kept) {
    complain("G3 " + said + ", after attempt " + std::to_string(message.nacked_attempt));
  }
}

void Oracle::check_backoff(const std::string& body, const Message& message, const Handed& what,
                           Instant now) {
  if (expected_.wall_jumps || message.nacked_attempt == 0) return;
  if (what.attempt != message.nacked_attempt + 1 || what.lease < message.nacked_lease) return;
  if (message.failures() != message.failures_then) return;
  if (possible_timeouts(message, what.offset, now) > 0) return;
  if (message.nacked_at <= stood_still_until_ + expected_.drain_max) return;  // within one drain
  const Duration least =
      shortest_backoff(expected_.policy.backoff, message.nacked_attempt) - expected_.drain_max;
  if (now - message.nacked_at >= least) return;
  complain("G3 " + body + " is tried again after " +
           std::to_string((now - message.nacked_at).count() / 1000) + " ms, " +
           std::to_string(least.count() / 1000) + " ms are the least");
}

void Oracle::answered_one(const std::string& worker, const protocol::Settle::Row& row,
                          std::uint64_t offset, Instant now) {
  const protocol::Verb verb = row.verb;
  Session& session = sessions_[worker];
  const auto found = session.held.find(offset);
  // Sent again, perhaps after it was handed out anew.
  if (found == session.held.end() || found->second.is_answered) return;
  if (found->second.lease != row.lease) return;
  Held& held = found->second;
  tell(name_at(offset), worker + " answers " + std::to_string(static_cast<int>(verb)) + " (verb)");
  if (took_too_long(held.since, now)) ++held.message->timed_out;
  if (verb == protocol::Verb::extend) {
    held.since = now;
    return;
  }
  held.is_answered = true;  // which the hub may never hear
  Message& message = *held.message;
  if (verb == protocol::Verb::reject) ++message.rejected;
  if (verb != protocol::Verb::nack) return;
  ++message.nacked;
  if (held.lease < message.nacked_lease) return;  // late: somebody else has nacked it since
  message.failures_then = message.failures();
  message.nacked_at = now;
  message.nacked_attempt = held.attempt;
  message.nacked_lease = held.lease;
  message.nacked_since = held.power_losses;
}

void Oracle::resumes(const std::string& worker, const std::vector<protocol::Hello::Held>& held) {
  Session& session = sessions_[worker];
  session.is_resuming = true;
  session.exceptions.clear();  // what they are of is said again
  std::erase_if(session.held, [&](const auto& one) {
    return !one.second.is_answered && std::none_of(held.begin(), held.end(), [&](const auto& kept) {
      return one.first >= kept.range.offset && one.first < kept.range.offset + kept.range.length;
    });
  });
}

void Oracle::resumed(const std::string& worker) {
  is_heard_again(worker);
  Session& session = sessions_[worker];
  session.is_resuming = false;
  std::erase_if(session.held, [](const auto& one) { return !one.second.is_taken; });
}

bool Oracle::is_settled(const Session& session, const Held& held, std::uint64_t offset) {
  if (!held.is_answered) return false;
  for (const auto& [number, outcomes] : session.outcomes) {
    for (const Outcome& outcome : outcomes) {
      if (outcome.offset == offset && outcome.lease == held.lease) return false;
    }
  }
  return true;
}

void Oracle::session_lost(const std::string& worker, Instant now) {
  Session& session = sessions_[worker];
  std::size_t open = 0;
  for (auto& [offset, held] : session.held) {
    open += held.is_answered ? 0 : 1;
    if (is_settled(session, held, offset)) continue;
    if (!took_too_long(held.since, now)) {
      held.message->died_since.push_back(held.since);
      continue;
    }
    ++held.message->timed_out;  // for a hub that never heard the answer, too
    if (held.is_answered) continue;
    session.is_uncertain = true;  // the hub may have taken others away from it
  }
  for (auto& [offset, held] : session.held) {
    const bool is_blamed = may_be_blamed(session, held, open);
    if (is_blamed) ++held.message->died_alone;
    if (!held.message->suspect_since) held.message->suspect_since = hub_losses_;
    tell(name_at(offset),
         "was with " + worker + ", whose session is lost" +
             (is_blamed ? ": it may be blamed" : " with " + std::to_string(open) + " open"));
  }
  for (const std::string& body : session.sent_alone) {
    ++of(body).died_alone;
    tell(body, "was alone on its way to " + worker + ": it may be blamed");
  }
  missed_ += session.may_have_missed ? 1 : 0;
  session = {};
  session.power_losses = power_losses_;
}

void Oracle::store_was_cut() {
  for (auto& [name, session] : sessions_) session.is_uncertain = true;
}

// A belief is made longer by what the hub has said, and the hub may have been wrong to say it.
void Oracle::believes(const std::string& worker, Instant until, Instant now) {
  Session& session = sessions_[worker];
  if (std::exchange(session.believes_until, until) >= until) return;
  for (const auto& [offset, held] : session.held) check_one_holder(worker, offset, now);
}

// G2: of all that believe, whether they work on it or have it wait.
void Oracle::check_one_holder(const std::string& worker, std::uint64_t offset, Instant now) {
  const auto holds = [&](const Session& session) {
    const auto held = session.held.find(offset);
    return now < session.believes_until && held != session.held.end() && held->second.is_taken &&
           !held->second.is_answered;
  };
  if (!holds(sessions_[worker])) return;
  for (const auto& [name, session] : sessions_) {
    if (name != worker && holds(session)) held_by_two(name_at(offset), name + " and " + worker);
  }
}

void Oracle::held_by_two(const std::string& body, const std::string& who) {
  complain("G2 " + body + " is held by two: " + who);
}

void Oracle::found_dead(const std::string& body, std::uint64_t dead_offset, const Meta& meta,
                        Instant now) {
  Message& message = of(body);
  may_be_gone(message);
  std::uint32_t nacks = 0, deaths = 0, rejects = 0, timeouts = 0, overflows = 0;
  for (const Failure& failure : meta.history) {
    nacks += failure.kind == FailureKind::nack ? 1 : 0;
    deaths += failure.kind == FailureKind::death ? 1 : 0;
    rejects += failure.kind == FailureKind::reject ? 1 : 0;
    timeouts += failure.kind == FailureKind::timeout ? 1 : 0;
    overflows += failure.kind == FailureKind::overflow ? 1 : 0;
  }
  const std::string counts = body + " is dead after " + std::to_string(nacks) + " nacks, " +
                             std::to_string(deaths) + " deaths, " + std::to_string(timeouts) +
                             " time-outs, " + std::to_string(rejects) + " rejects; ";
  if (message.dead_offset && *message.dead_offset != dead_offset) {
    complain("G7 " + counts + "it lies twice among the dead letters");
  }
  message.dead_offset = dead_offset;
  const std::string& there = by_dead_offset_.emplace(dead_offset, body).first->second;
  if (there != body) complain("G7 " + body + " lies where " + there + " lay");
  if (!meta.origin || meta.origin->queue != expected_.queue) {
    complain("G3 " + counts + "without origin");
  } else {
    place(body, meta.origin->offset);
  }
  if (nacks > message.nacked || rejects > message.rejected) {
    complain("G3 " + counts + "its workers said less");
  }
  const std::uint32_t unknown = message.offset ? possible_deaths(body, *message.offset) : 0;
  while (deaths > message.died_alone + unseen_deaths(message) + unknown) {
    if (blame_what_nobody_saw(message)) continue;
    complain("G3 " + counts + "it was not the only one");
    break;
  }
  // Its worker may hold it still, and not know better.
  const std::uint32_t possible =
      message.offset ? possible_timeouts(message, *message.offset, now) : 0;
  if (timeouts > message.timed_out + possible) complain("G3 " + counts + "nobody took that long");
  const bool drops = expected_.policy.overflow == Overflow::drop_oldest;
  if (overflows > 0 && !drops) complain("G3 " + counts + "dropped by a queue that drops nothing");
  const std::uint32_t failures = nacks + deaths + timeouts;
  if (rejects + overflows == 0 && failures < expected_.policy.max_attempts) {
    complain("G3 " + counts + "too early");
  }
  if (failures > expected_.policy.max_attempts) complain("G3 " + counts + "too late");
}

}  // namespace pawl::testing
