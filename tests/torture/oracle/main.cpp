// SPDX-License-Identifier: Apache-2.0
// pawl_oracle: tells the simulation's oracle what real processes have written, and prints what it
// found, as JSON. Exit 1 if a promise was broken.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "tests/support/command_line.hpp"
#include "tests/support/simulation/oracle.hpp"
#include "tests/torture/oracle/holders.hpp"
#include "tests/torture/oracle/log.hpp"

namespace {

using namespace pawl;
using torture::next_number;
using torture::next_word;

struct Arguments {
  testing::Oracle::Expectation expected;
  std::string folder;
  long backoff_ms = 0, drain_ms = 0;
};

class Telling {
 public:
  explicit Telling(const testing::Oracle::Expectation& expected)
      : oracle_(watching(expected)), expected_queue_(expected.queue) {}

  void tell(const torture::Story& story) {
    for (const torture::Line& line : story.lines()) {
      worker_ = story.name_of(line.process);
      at_ns_ = line.at_ns;
      now_ = Instant(Duration(line.at_ns / 1000));
      rest_ = line.what;
      const std::string what(next_word(rest_));
      const auto call = calls_.find(what);
      if (call == calls_.end()) throw std::runtime_error(worker_ + " says: " + what);
      if (undertakers_.count(worker_) != 0 && of_sessions_.count(what) != 0) continue;
      (this->*call->second)();
    }
    if (const auto overlap = holders_.find_overlap()) {
      oracle_.held_by_two("the message at " + std::to_string(overlap->offset), overlap->who);
    }
    if (rest_of_hub_) oracle_.at_rest(*rest_of_hub_);
  }

  nlohmann::json result() const {
    return {{"fault", oracle_.fault()},
            {"sent", sent_.size()},
            {"confirmed", oracle_.confirmed_count()},
            {"refused", oracle_.refused_count()},
            {"processed", oracle_.processed_count()},
            {"processed_twice", oracle_.processed_twice_count()},
            {"dead", oracle_.dead_count()},
            {"lost", oracle_.lost_count()},
            {"blamed_unseen", oracle_.blamed_unseen_count()}};
  }

 private:
  testing::Oracle::Expectation watching(testing::Oracle::Expectation expected) {
    expected.tell = [this](const std::string& what) {
      std::printf("%.3f ms, by %s: %s\n", static_cast<double>(at_ns_) / 1e6, worker_.c_str(),
                  what.c_str());
    };
    return expected;
  }
  std::string word() { return std::string(next_word(rest_)); }
  std::uint64_t number() { return static_cast<std::uint64_t>(next_number(rest_)); }

  // Of producers.
  void sent() { sent_.insert(word()); }
  void confirmed() {
    const std::string body = word();
    oracle_.confirmed(body, rest_.empty() ? std::nullopt : std::optional(number()));
  }
  void refused() { oracle_.refused(word()); }

  // On a worker's wire.
  void takes() {
    if (word() != expected_queue_) undertakers_.insert(worker_);
  }
  void welcome() {
    const bool is_resumed = number() != 0;
    if (is_resumed) return oracle_.resumed(worker_);
    lost();
  }
  void alive() { oracle_.is_heard_again(worker_); }
  void silent() { oracle_.may_have_missed(worker_); }
  void lost() {
    oracle_.session_lost(worker_, now_);
    holders_.loses_all(worker_, at_ns_);
  }
  void handed() {
    testing::Oracle::Handed what;
    what.lease = number();
    what.offset = number();
    what.attempt = static_cast<std::uint32_t>(number());
    what.redelivered = number() != 0;
    const std::string body = word();
    if (sent_.count(body) == 0) oracle_.complain("G7 " + body + " was handed out, and never sent");
    oracle_.handed(worker_, body, what, now_);
  }
  void answered() {
    const std::uint64_t settle = number();
    protocol::Settle::Row row;
    row.verb = static_cast<protocol::Verb>(number());
    row.lease = number();
    row.offset = number();
    row.length = number();
    oracle_.answered(worker_, settle, row, now_);
  }
  void settled() {
    const std::uint64_t upto = number();
    std::vector<protocol::Settled::Exception> exceptions;
    while (!rest_.empty()) {
      protocol::Settled::Exception one;
      one.lease = number();
      one.range.offset = number();
      one.range.length = number();
      exceptions.push_back(one);
    }
    oracle_.settled(worker_, upto, exceptions);
  }
  void resumes() {
    std::vector<protocol::Hello::Held> held;
    while (!rest_.empty()) {
      protocol::Hello::Held one;
      one.range.offset = number();
      one.range.length = number();
      held.push_back(one);
    }
    oracle_.resumes(worker_, held);
  }
  void dead() {
    const std::uint64_t dead_offset = number();
    Origin origin;
    origin.offset = number();
    origin.queue = word();
    const std::string body = word();
    Meta meta;
    meta.origin = origin;
    while (!rest_.empty()) {
      Failure failure;
      const std::string kind = word();
      while (name_of(failure.kind) != kind) {
        if (failure.kind == FailureKind::overflow)
          throw std::runtime_error(kind + " is no failure");
        failure.kind = static_cast<FailureKind>(static_cast<int>(failure.kind) + 1);
      }
      meta.history.push_back(failure);
    }
    oracle_.found_dead(body, dead_offset, meta, now_);
  }

  // Of a worker's handler.
  void begin() {
    const std::uint64_t offset = number();
    holders_.begins(worker_, offset, at_ns_, next_number(rest_));
  }
  void end() {
    const std::uint64_t offset = number();
    holders_.ends(worker_, offset, at_ns_, next_number(rest_));
  }
  void done() {
    end();
    oracle_.processed(word());
  }
  void damaged() { oracle_.complain("G7 " + word() + " did not arrive as it was sent"); }
  void wrong() { oracle_.complain("G8 on the wire of " + worker_ + ": " + std::string(rest_)); }

  // Of the torture itself.
  void hub_lost() { oracle_.hub_was_lost(); }
  void hub_stood_still() { oracle_.hub_stood_still(now_); }
  void clock_jumped() { oracle_.wall_clock_jumped(); }
  void rest() {
    testing::Oracle::Counters counters;
    counters.accepted = number();
    counters.acked = number();
    counters.dead = number();
    counters.waiting = number();
    rest_of_hub_ = counters;
  }

  const std::map<std::string, void (Telling::*)()> calls_{
      {"takes", &Telling::takes},
      {"sent", &Telling::sent},
      {"confirmed", &Telling::confirmed},
      {"refused", &Telling::refused},
      {"welcome", &Telling::welcome},
      {"alive", &Telling::alive},
      {"silent", &Telling::silent},
      {"lost", &Telling::lost},
      {"handed", &Telling::handed},
      {"answered", &Telling::answered},
      {"settled", &Telling::settled},
      {"resumes", &Telling::resumes},
      {"dead", &Telling::dead},
      {"begin", &Telling::begin},
      {"end", &Telling::end},
      {"done", &Telling::done},
      {"damaged", &Telling::damaged},
      {"wrong", &Telling::wrong},
      {"hub_lost", &Telling::hub_lost},
      {"clock_jumped", &Telling::clock_jumped},
      {"hub_stood_still", &Telling::hub_stood_still},
      {"rest", &Telling::rest}};

  // One that takes dead letters has no part in the queue's own story: its session is of another,
  // and its offsets mean other messages.
  const std::set<std::string> of_sessions_{"welcome", "alive",  "silent",   "lost",
                                           "resumes", "handed", "answered", "settled"};

  testing::Oracle oracle_;
  torture::Holders holders_;
  const std::string expected_queue_;
  std::set<std::string> undertakers_;
  std::set<std::string> sent_;
  std::optional<testing::Oracle::Counters> rest_of_hub_;
  std::string worker_;
  std::int64_t at_ns_ = 0;
  Instant now_{};
  std::string_view rest_;
};

int judge(Arguments& arguments) {
  const std::chrono::milliseconds backoff(arguments.backoff_ms);
  arguments.expected.policy.backoff = {backoff, 1.0, backoff, 0.0};
  arguments.expected.drain_max = std::chrono::milliseconds(arguments.drain_ms);
  Telling telling(arguments.expected);
  telling.tell(torture::Story::read(arguments.folder));
  const nlohmann::json result = telling.result();
  std::cout << result.dump() << std::endl;
  return result["fault"].get<std::string>().empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  testing::CommandLine line("Judges what the processes of a torture have written.");
  line.add_required("folder", arguments.folder);
  line.add_required("--queue", arguments.expected.queue);
  line.add_required("--max-attempts", arguments.expected.policy.max_attempts);
  line.add_required("--backoff-ms", arguments.backoff_ms);
  line.add_required("--drain-ms", arguments.drain_ms);
  line.add("--watch", arguments.expected.watched, "tell the life of this message");
  line.parse_or_exit(argc, argv);
  try {
    return judge(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pawl_oracle: %s\n", error.what());
    return 2;
  }
}
