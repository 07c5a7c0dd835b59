// SPDX-License-Identifier: Apache-2.0
// What producers were told, and what is left at the end; oracle_workers.cpp has the rest.
#include "tests/support/simulation/oracle.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pawl::testing {
namespace {

template <class Messages, class Is>
std::size_t count(const Messages& messages, Is is) {
  return static_cast<std::size_t>(
      std::count_if(messages.begin(), messages.end(), [&](const auto& m) { return is(m.second); }));
}

}  // namespace

void Oracle::complain(const std::string& what) {
  if (fault_.empty()) fault_ = what;
}

void Oracle::confirmed(const std::string& body, std::optional<std::uint64_t> offset) {
  Message& message = of(body);
  tell(body, "is confirmed");
  confirmed_ += message.confirmed ? 0 : 1;
  waiting_ += message.confirmed || message.may_be_gone ? 0 : 1;
  message.confirmed = true;
  check_bound(body);
  if (offset) place(body, *offset);
}

// G6. A queue that drops its oldest has done so before we find them among the dead letters, and one
// that holds back has let in what was under way.
void Oracle::check_bound(const std::string& body) {
  const QueuePolicy& policy = expected_.policy;
  if (policy.max_messages == 0 || policy.overflow != Overflow::refuse) return;
  if (waiting_ <= policy.max_messages) return;
  complain("G6 with " + body + " there are " + std::to_string(waiting_) + " messages, " +
           std::to_string(policy.max_messages) + " are the most");
}

void Oracle::may_be_gone(Message& message) {
  if (!std::exchange(message.may_be_gone, true) && message.confirmed) --waiting_;
}

void Oracle::refused(const std::string& body) {
  Message& message = of(body);
  tell(body, "is refused");
  if (message.offset) complain("G7 " + body + " was refused, and was kept all the same");
  message.refused = true;
}

// G5: one message, one place. G4: a producer's messages lie in its order, but for those that it was
// told were refused: it may send these again.
void Oracle::place(const std::string& body, std::uint64_t offset) {
  Message& message = of(body);
  if (message.refused && is_anonymous(body)) {
    complain("G7 " + body + " was refused, and is kept all the same");
  }
  if (message.offset && *message.offset != offset) {
    return complain("G5 " + body + " is kept twice, at " + std::to_string(*message.offset) +
                    " and " + std::to_string(offset));
  }
  message.offset = offset;
  const std::string& there = by_offset_.emplace(offset, body).first->second;
  if (there != body) {
    return complain("G1 at offset " + std::to_string(offset) + " was " + there + ", now " + body);
  }
  if (message.refused) return;
  auto& order = orders_[producer_of(body)];
  const auto at = order.emplace(number_of(body), offset).first;
  const auto out_of_order = [&](const auto& other) {
    complain("G4 " + body + " at " + std::to_string(offset) + " is out of its producer's order: " +
             std::to_string(other.first) + " is at " + std::to_string(other.second));
  };
  if (at != order.begin() && std::prev(at)->second > offset) out_of_order(*std::prev(at));
  if (std::next(at) != order.end() && std::next(at)->second < offset) out_of_order(*std::next(at));
}

void Oracle::without_rest() {
  for (const auto& [body, message] : messages_) {
    if (!message.is_lost()) continue;
    complain("G1 " + body +
             " was confirmed, and neither processed nor found dead: it does not come to rest");
  }
}

void Oracle::at_rest(const Counters& hub) {
  for (const auto& [body, message] : messages_) {
    if (message.is_lost()) {
      complain("G1 " + body + " was confirmed, and neither processed nor found dead");
    }
    const Fate fate = fate_of(body);
    const bool must_die = fate == Fate::poison || fate == Fate::rejected;
    if (must_die && message.processed > 0) complain("G3 " + body + " cannot have been processed");
  }
  const auto differ = [&](const char* what, std::uint64_t said, std::uint64_t is) {
    if (said == is) return;
    complain(std::string("G7 the hub has counted ") + std::to_string(said) + ' ' + what +
             ", there are " + std::to_string(is));
  };
  differ("accepted", hub.accepted, by_offset_.size());
  differ("dead", hub.dead, dead_count());
  differ("acked", hub.acked, by_offset_.size() - dead_count());
  differ("waiting", hub.waiting, 0);
}

std::size_t Oracle::processed_count() const {
  return count(messages_, [](const Message& message) { return message.processed > 0; });
}
std::size_t Oracle::processed_twice_count() const {
  return count(messages_, [](const Message& message) { return message.processed > 1; });
}
std::size_t Oracle::refused_count() const {
  return count(messages_, [](const Message& message) { return message.refused; });
}
std::size_t Oracle::lost_count() const {
  return count(messages_, [](const Message& message) { return message.is_lost(); });
}
std::size_t Oracle::dead_count() const {
  return count(messages_, [](const Message& message) { return message.dead_offset.has_value(); });
}

}  // namespace pawl::testing
