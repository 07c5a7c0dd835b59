// SPDX-License-Identifier: Apache-2.0
// What workers said, and what they were answered (G1, G2). A SETTLED is a promise as much as a
// CONFIRM is: what was answered as done stays done, but for the loss of power.
#include <algorithm>
#include <iterator>

#include "tests/support/simulation/oracle.hpp"

namespace pawl::testing {
namespace {

bool is_of(const protocol::Settled::Exception& exception, std::uint64_t lease,
           std::uint64_t offset) {
  return exception.lease == lease && offset >= exception.range.offset &&
         offset - exception.range.offset < exception.range.length;
}

}  // namespace

// Said again after a reconnect it is judged anew: the first time may be what the hub has done.
void Oracle::answered(const std::string& worker, std::uint64_t number,
                      const protocol::Settle::Row& row, Instant now) {
  std::vector<Outcome>& outcomes = sessions_[worker].outcomes[number];
  for (std::uint64_t offset = row.offset; offset < row.offset + row.length; ++offset) {
    answered_one(worker, row, offset, now);
    const auto body = by_offset_.find(offset);
    if (body == by_offset_.end() || row.verb == protocol::Verb::extend) continue;
    std::erase_if(outcomes, [&](const Outcome& before) {
      return before.offset == offset && before.lease == row.lease;
    });
    outcomes.push_back({offset, row.lease, row.verb, of(body->second).last_lease > row.lease});
  }
}

// Exceptions may come in more messages than one; the last one's upto says that they are all.
void Oracle::settled(const std::string& worker, std::uint64_t upto,
                     const std::vector<protocol::Settled::Exception>& exceptions) {
  Session& session = sessions_[worker];
  session.exceptions.insert(session.exceptions.end(), exceptions.begin(), exceptions.end());
  const auto end = session.outcomes.upper_bound(upto);
  if (end == session.outcomes.begin()) return;
  for (auto at = session.outcomes.begin(); at != end; ++at) {
    for (const Outcome& outcome : at->second) {
      const bool is_excepted =
          std::any_of(session.exceptions.begin(), session.exceptions.end(),
                      [&](const auto& one) { return is_of(one, outcome.lease, outcome.offset); });
      if (!is_excepted) is_done(worker, outcome);
    }
  }
  session.outcomes.erase(session.outcomes.begin(), end);
  session.exceptions.clear();
}

void Oracle::is_done(const std::string& worker, const Outcome& outcome) {
  const std::string body = name_at(outcome.offset);
  Message& message = of(body);
  tell(body, "is answered to " + worker + " as done");
  if (outcome.is_late) {
    complain("G2 " + body + ": what " + worker + " said under lease " +
             std::to_string(outcome.lease) +
             " was answered as done, after it was handed out under " +
             std::to_string(message.last_lease));
  }
  if (outcome.verb != protocol::Verb::ack && outcome.verb != protocol::Verb::reject) return;
  message.settled_lease = std::max(message.settled_lease, outcome.lease);
  message.settled_since = power_losses_;
  check_not_settled(body, message);
}

// The answer may be overtaken by the hand-out, and a hand-out of before be late.
void Oracle::check_not_settled(const std::string& body, const Message& message) {
  if (message.settled_lease == 0 || message.settled_since != power_losses_) return;
  if (message.last_lease <= message.settled_lease) return;
  complain("G1 " + body + " is handed out again under lease " + std::to_string(message.last_lease) +
           ", after what was said under " + std::to_string(message.settled_lease) +
           " was answered as done");
}

}  // namespace pawl::testing
