// SPDX-License-Identifier: Apache-2.0
// Sends "PREFIX1", "PREFIX2", … and says what became of each:
//   confirmed BODY DUPLICATE · refused BODY CODE · unconfirmed BODY
//   closed TOOK_MS SENT CONFIRMED REFUSED UNCONFIRMED
#include <poll.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <pawl/producer.hpp>

#include "tests/end_to_end/peers/record.hpp"
#include "tests/support/command_line.hpp"

namespace {

using namespace std::chrono_literals;
using pawl::test::Record;
using pawl::test::Word;
using pawl::testing::CommandLine;
using pawl::testing::one_of;

struct Arguments {
  pawl::ProducerOptions options;
  std::string how = "callback";
  std::string pressure = "block";
  std::string prefix = "m";
  std::string board;
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  std::size_t size = 0;  // bodies are filled up to this
  int pause_ms = 0;      // after each send
  long close_ms = 60'000;
  long pressure_ms = 5'000;
  bool synced = false;
};

class Sender {
 public:
  Sender(const Arguments& arguments, pawl::Producer& producer)
      : arguments_(arguments), record_(arguments.board), producer_(producer) {}

  void run() {
    for (std::uint64_t i = 0; i < arguments_.count; ++i) {
      std::string name = arguments_.prefix + std::to_string(arguments_.first + i);
      std::string body = name;
      if (body.size() < arguments_.size) body.append(1, ' ').resize(arguments_.size, '.');
      record_.count(Word::sent);
      const pawl::Receipt receipt = arguments_.options.name.empty()
                                        ? producer_.send(body)
                                        : producer_.send_at(arguments_.first + i, body);
      answer(receipt, std::move(name));
      if (arguments_.pause_ms != 0) poll(nullptr, 0, arguments_.pause_ms);
    }
  }

  // Of the receipts that were only flushed.
  void say_rest() {
    for (std::size_t i = 0; i < receipts_.size(); ++i) say(names_[i], receipts_[i].wait_for(0ms));
  }

 private:
  void answer(const pawl::Receipt& receipt, std::string name) {
    if (arguments_.how == "wait") {
      say(name, receipt.wait_for(std::chrono::milliseconds(arguments_.close_ms)));
    } else if (arguments_.how == "callback") {
      receipt.then(executor_, [this, name](const pawl::Outcome& outcome) { say(name, outcome); });
    } else {
      receipts_.push_back(receipt);
      names_.push_back(std::move(name));
    }
  }

  void say(const std::string& name, const pawl::Outcome& outcome) const {
    switch (outcome.status) {
      case pawl::OutcomeStatus::confirmed:
        record_.count(Word::confirmed);
        return Record::say("confirmed " + name + (outcome.duplicate ? " 1" : " 0"));
      case pawl::OutcomeStatus::refused:
        record_.count(Word::refused);
        return Record::say("refused " + name + " " + std::string(pawl::name_of(outcome.code)));
      default: return Record::say("unconfirmed " + name);
    }
  }

  const Arguments& arguments_;
  Record record_;
  pawl::Producer& producer_;
  pawl::ThreadExecutor executor_;
  std::vector<pawl::Receipt> receipts_;
  std::vector<std::string> names_;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  pawl::ProducerOptions& options = arguments.options;
  CommandLine line("Sends for the tests.");
  line.add_required("endpoint", options.endpoint);
  line.add_required("queue", options.queue);
  line.add("--name", options.name);
  line.add("--how", arguments.how, "", one_of({"wait", "callback", "flush"}));
  line.add("--pressure", arguments.pressure, "", one_of({"block", "fail", "wait"}));
  line.add("--pressure-ms", arguments.pressure_ms);
  line.add("--window", options.unconfirmed_messages_max);
  line.add("--prefix", arguments.prefix);
  line.add("--board", arguments.board);
  line.add("--first", arguments.first);
  line.add("--count", arguments.count);
  line.add("--size", arguments.size);
  line.add("--pause-ms", arguments.pause_ms);
  line.add("--close-ms", arguments.close_ms);
  line.add("--synced", arguments.synced);
  line.parse_or_exit(argc, argv);
  options.durability = arguments.synced ? pawl::Durability::synced : pawl::Durability::memory;
  options.back_pressure_deadline = std::chrono::milliseconds(arguments.pressure_ms);
  options.back_pressure = arguments.pressure == "block"  ? pawl::BackPressure::block
                          : arguments.pressure == "fail" ? pawl::BackPressure::fail
                                                         : pawl::BackPressure::wait;
  return arguments;
}

int send(const Arguments& arguments) {
  pawl::Producer producer(arguments.options);
  Sender sender(arguments, producer);
  sender.run();
  const std::chrono::milliseconds deadline(arguments.close_ms);
  producer.flush(deadline);
  const auto begun = std::chrono::steady_clock::now();
  const pawl::SendResult result = producer.close(deadline);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  sender.say_rest();
  Record::say("closed " + std::to_string(took.count()) + " " + std::to_string(result.sent) + " " +
              std::to_string(result.confirmed) + " " + std::to_string(result.refused) + " " +
              std::to_string(result.unconfirmed));
  return result.complete() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return send(parse(argc, argv));
  } catch (const std::exception& error) {
    Record::say(std::string("error ") + error.what());
    return 3;
  }
}
