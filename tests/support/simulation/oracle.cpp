// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/oracle.hpp"

#include <algorithm>
#include <iterator>

namespace pawl::testing {
namespace {

std::uint64_t number_of(const std::string& body) {
  return std::stoull(body.substr(body.find(':') + 1));
}
std::string producer_of(const std::string& body) {
  return body.substr(0, body.find(':'));
}

}  // namespace

Fate fate_of(const std::string& body) {
  const std::uint64_t number = number_of(body);
  if (number % 80 == 41) return Fate::poison;
  if (number % 40 == 27) return Fate::rejected;
  if (number % 80 == 61) return Fate::always_nacked;
  return number % 10 == 3 ? Fate::acked_later : Fate::acked;
}

void Oracle::complain(const std::string& what) {
  if (fault_.empty()) fault_ = what;
}

void Oracle::confirmed(const std::string& body, std::optional<std::uint64_t> offset) {
  Message& message = of(body);
  confirmed_ += message.confirmed ? 0 : 1;
  message.confirmed = true;
  if (offset) place(body, *offset);
}

void Oracle::handed(const std::string& body, std::uint64_t offset) {
  place(body, offset);
}

// G5: one message, one place. G4: a producer's messages lie in its order.
void Oracle::place(const std::string& body, std::uint64_t offset) {
  Message& message = of(body);
  if (message.offset && *message.offset != offset) {
    return complain("G5 " + body + " is kept twice, at " + std::to_string(*message.offset) +
                    " and " + std::to_string(offset));
  }
  message.offset = offset;
  const std::string& there = by_offset_.emplace(offset, body).first->second;
  if (there != body) {
    return complain("G1 at offset " + std::to_string(offset) + " was " + there + ", now " + body);
  }
  auto& order = orders_[producer_of(body)];
  const auto at = order.emplace(number_of(body), offset).first;
  const bool after_previous = at == order.begin() || std::prev(at)->second < offset;
  const bool before_next = std::next(at) == order.end() || offset < std::next(at)->second;
  if (!after_previous || !before_next) complain("G4 " + body + " is out of its producer's order");
}

void Oracle::held_by_two(const std::string& body, const std::string& who) {
  complain("G2 " + body + " is held by two: " + who);
}

void Oracle::found_dead(const std::string& body, const Meta& meta) {
  Message& message = of(body);
  ++message.dead;
  std::uint64_t nacks = 0, deaths = 0, rejects = 0;
  for (const Failure& failure : meta.history) {
    nacks += failure.kind == FailureKind::nack ? 1 : 0;
    deaths += failure.kind == FailureKind::death ? 1 : 0;
    rejects += failure.kind == FailureKind::reject ? 1 : 0;
  }
  const std::string counts = body + " is dead after " + std::to_string(nacks) + " nacks, " +
                             std::to_string(deaths) + " deaths, " + std::to_string(rejects) +
                             " rejects; ";
  if (!meta.origin || meta.origin->queue != "orders") complain("G3 " + counts + "without origin");
  if (nacks > message.nacked || rejects > message.rejected) {
    complain("G3 " + counts + "its workers said less");
  }
  if (deaths > workers_lost_) complain("G3 " + counts + "fewer workers were lost");
  if (rejects == 0 && nacks + deaths < max_attempts_) complain("G3 " + counts + "too early");
}

void Oracle::at_rest(std::uint64_t chunks_left) {
  for (const auto& [body, message] : messages_) {
    if (message.confirmed && message.processed == 0 && message.dead == 0) {
      complain("G1 " + body + " was confirmed, and neither processed nor found dead");
    }
    const Fate fate = fate_of(body);
    const bool must_die = fate == Fate::poison || fate == Fate::rejected;
    if (must_die && message.processed > 0) complain("G3 " + body + " cannot have been processed");
  }
  if (chunks_left != 0) {
    complain("G7 at rest the store still holds " + std::to_string(chunks_left) + " chunks");
  }
}

std::size_t Oracle::processed_count() const {
  return static_cast<std::size_t>(std::count_if(
      messages_.begin(), messages_.end(), [](const auto& m) { return m.second.processed > 0; }));
}
std::size_t Oracle::processed_twice_count() const {
  return static_cast<std::size_t>(std::count_if(
      messages_.begin(), messages_.end(), [](const auto& m) { return m.second.processed > 1; }));
}
std::size_t Oracle::dead_count() const {
  return static_cast<std::size_t>(std::count_if(messages_.begin(), messages_.end(),
                                                [](const auto& m) { return m.second.dead > 0; }));
}

}  // namespace pawl::testing
