// SPDX-License-Identifier: Apache-2.0
// Oracle of one queue: sees only what producers were told, what workers were handed and answered,
// and what is found among the dead letters; never the hub. Says which promise was broken, with the
// first thing that shows it. docs/testing.md tells how to add a rule.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <pawl/policy.hpp>

#include "core/chunk/meta.hpp"
#include "core/protocol/messages.hpp"
#include "core/time.hpp"
#include "tests/support/fate.hpp"

namespace pawl::testing {

class Oracle {
 public:
  struct Expectation {
    std::string queue;
    QueuePolicy policy;
    bool wall_jumps = false;  // a restart may then find a later time: back-offs look too short
    // A message whose life is told to `tell`, line by line.
    std::string watched{};
    std::function<void(const std::string&)> tell{};
    // A real hub reads its clock once for all that it drains from its socket: what it is told while
    // that lasts counts as told at the beginning.
    Duration drain_max{};
  };
  explicit Oracle(Expectation expected) : expected_(std::move(expected)) {}

  // What producers were told.
  void confirmed(const std::string& body, std::optional<std::uint64_t> offset);
  void refused(const std::string& body);

  // What passed between the hub and a worker, as the worker saw it.
  struct Handed {
    std::uint64_t lease = 0, offset = 0;
    std::uint32_t attempt = 1;
    bool redelivered = false;
    bool is_taken = true;  // false: it comes between two sessions, and is dropped
  };
  void handed(const std::string& worker, const std::string& body, Handed what, Instant now);
  // On its way to the worker, which is to hold nothing else: if it dies now, this is to blame.
  void sent_alone(const std::string& worker, const std::string& body) {
    sessions_[worker].sent_alone.insert(body);
    may_be_gone(of(body));
  }
  // A SETTLE as it leaves the worker, row by row.
  void answered(const std::string& worker, std::uint64_t number, const protocol::Settle::Row& row,
                Instant now);
  // SETTLED as it reaches the worker.
  void settled(const std::string& worker, std::uint64_t upto,
               const std::vector<protocol::Settled::Exception>& exceptions);
  // What it was handed it takes for its own until then.
  void believes(const std::string& worker, Instant until, Instant now);
  // It comes back on a new connection with these in hand: what else it was handed it has dropped.
  void resumes(const std::string& worker, const std::vector<protocol::Hello::Held>& held);
  // And its hub has answered: what crossed with that, and was dropped, it holds no more.
  void resumed(const std::string& worker);
  // Its process died, or a hub did not know its session any more.
  void session_lost(const std::string& worker, Instant now);
  // What the hub had not synced may be gone: it may know less of a session than its worker.
  void store_was_cut();
  void power_was_lost() {
    ++power_losses_;
    store_was_cut();
  }
  // The hub's process has died. What it had just handed out alone may never have left it, which it
  // cannot know.
  void hub_was_lost() { ++hub_losses_; }
  void hub_stood_still(Instant until) { stood_still_until_ = until; }
  void wall_clock_jumped() { expected_.wall_jumps = true; }
  // Of real processes nobody sees what a hub sends. From when a worker that holds nothing has lost
  // its belief, its hub may have given up its session with something on its way to it, alone, which
  // is then to blame for the death; until the worker is heard again.
  void may_have_missed(const std::string& worker);
  void is_heard_again(const std::string& worker) { sessions_[worker].may_have_missed = false; }

  // What the application did.
  void processed(const std::string& body) {
    ++of(body).processed;
    tell(body, "is processed");
  }
  // Two workers believe at once that it is theirs.
  void held_by_two(const std::string& body, const std::string& who);
  void found_dead(const std::string& body, std::uint64_t dead_offset, const Meta& meta,
                  Instant now);

  // After the network has healed and everything has come to rest: the hub's own counters.
  struct Counters {
    std::uint64_t accepted = 0, acked = 0, dead = 0, waiting = 0;
  };
  void at_rest(const Counters& hub);
  // The network has healed, and however long one waits it does not come to rest.
  void without_rest();
  void complain(const std::string& what);

  const std::string& fault() const { return fault_; }
  std::size_t confirmed_count() const { return confirmed_; }
  std::size_t processed_count() const;
  std::size_t processed_twice_count() const;
  std::size_t dead_count() const;
  std::size_t refused_count() const;
  std::size_t lost_count() const;  // confirmed, and neither processed nor found dead
  std::size_t blamed_unseen_count() const { return blamed_unseen_; }

 private:
  struct Message {
    std::optional<std::uint64_t> offset, dead_offset;
    bool confirmed = false, refused = false;
    std::uint32_t processed = 0;
    // What may have counted as a failure: it was said, or nobody can say that it was not.
    std::uint32_t nacked = 0, rejected = 0, died_alone = 0, timed_out = 0;
    bool is_lost() const { return confirmed && processed == 0 && !dead_offset; }
    std::uint32_t failures() const { return nacked + rejected + died_alone + timed_out; }
    // With handlers that died since: a hub that still hears what they sent before may say that they
    // are late.
    std::vector<Instant> died_since{};
    std::optional<std::uint32_t> suspect_since{};  // in losses of the hub
    std::uint32_t nacked_attempt = 0;              // the last nack was of this attempt
    std::uint64_t nacked_lease = 0;  // and lease: what came under an older one says nothing of it
    std::uint32_t nacked_since = 0;  // in losses of power, as it was handed out
    Instant nacked_at{};
    std::uint32_t failures_then = 0;
    bool may_be_gone = false;         // it was handed out: the hub may be done with it
    std::uint64_t last_lease = 0;     // the highest that it was handed out under
    std::uint64_t settled_lease = 0;  // an ack or a reject under this one was answered as done
    std::uint32_t settled_since = 0;  // in losses of power
  };
  // What a session was handed, by offset.
  struct Held {
    Message* message = nullptr;
    Instant since{};
    std::uint32_t attempt = 1;
    std::uint64_t lease = 0;
    std::uint32_t power_losses = 0;  // until then
    bool is_taken = true;
    bool is_answered = false;
  };
  // What a worker said of one message, and has no answer to.
  struct Outcome {
    std::uint64_t offset = 0, lease = 0;
    protocol::Verb verb = protocol::Verb::ack;
    bool is_late = false;  // it was handed out again before this was said
  };
  struct Session {
    std::map<std::uint64_t, Held> held;
    std::map<std::uint64_t, std::vector<Outcome>> outcomes;  // by the number of their SETTLE
    std::vector<protocol::Settled::Exception> exceptions;    // of those that are not answered yet
    std::set<std::string> sent_alone;                        // and perhaps never arrived
    bool is_uncertain = false;
    bool is_resuming = false;
    std::uint32_t power_losses = 0;  // until it began
    Instant believes_until{};
    bool may_have_missed = false;
    std::uint64_t last_lease = 0;
    std::optional<std::uint64_t> last_fresh;
  };
  using Messages = std::map<std::string, Message>;

  Message& of(const std::string& body) { return messages_[body]; }
  void tell(const std::string& body, const std::string& what) const {
    if (expected_.tell && body == expected_.watched) expected_.tell(body + ' ' + what);
  }
  // Where a promise was broken another message may lie, or none.
  std::string name_at(std::uint64_t offset) const {
    const auto found = by_offset_.find(offset);
    return found == by_offset_.end() ? "?" : found->second;
  }
  void place(const std::string& body, std::uint64_t offset);
  void check_bound(const std::string& body);
  void may_be_gone(Message& message);
  std::uint32_t unseen_deaths(const Message& message) const {
    return message.suspect_since ? hub_losses_ - *message.suspect_since : 0;
  }
  void answered_one(const std::string& worker, const protocol::Settle::Row& row,
                    std::uint64_t offset, Instant now);
  void is_done(const std::string& worker, const Outcome& outcome);
  void check_one_holder(const std::string& worker, std::uint64_t offset, Instant now);
  void check_not_settled(const std::string& body, const Message& message);
  void check_order(const std::string& worker, const std::string& body, const Handed& what);
  void check_attempt(const std::string& body, Message& message, const Handed& what, Instant now);
  void check_backoff(const std::string& body, const Message& message, const Handed& what,
                     Instant now);
  bool took_too_long(Instant since, Instant now) const;
  std::uint32_t possible_timeouts(const Message& message, std::uint64_t offset, Instant now) const;
  bool blame_what_nobody_saw(Message& message);
  static bool is_settled(const Session& session, const Held& held, std::uint64_t offset);
  static bool may_be_blamed(const Session& session, const Held& held, std::size_t open);
  std::uint32_t possible_deaths(const std::string& body, std::uint64_t offset) const;

  Expectation expected_;
  Messages messages_;
  std::map<std::uint64_t, std::string> by_offset_;
  std::map<std::uint64_t, std::string> by_dead_offset_;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>>
      orders_;  // producer: number, offset
  std::map<std::string, Session> sessions_;
  std::size_t confirmed_ = 0;
  std::size_t waiting_ = 0;  // confirmed, and with nobody since they were accepted
  std::uint32_t power_losses_ = 0;
  std::uint32_t hub_losses_ = 0;
  Instant stood_still_until_{};
  std::size_t missed_ = 0;  // sessions that were lost with something on its way, perhaps
  std::size_t blamed_unseen_ = 0;
  std::string fault_;
};

}  // namespace pawl::testing
