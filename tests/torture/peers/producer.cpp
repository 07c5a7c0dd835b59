// SPDX-License-Identifier: Apache-2.0
// A producer of the torture: sends "NAME:1", "NAME:2", … until its stdin ends, and tells the oracle
// what became of each. A named one goes on, in its next life, from what the hub says is kept; an
// anonymous one is another producer, "NAME~LIFE", in each. Then it says
//   closed SENT CONFIRMED REFUSED UNCONFIRMED
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <pawl/producer.hpp>

#include "tests/end_to_end/peers/record.hpp"
#include "tests/support/command_line.hpp"
#include "tests/support/fate.hpp"
#include "tests/torture/peers/oracle_log.hpp"

namespace {

using namespace std::chrono_literals;
using pawl::test::OracleLog;
using pawl::test::Record;
using pawl::test::Word;
using pawl::testing::above;
using pawl::testing::CommandLine;
using pawl::testing::one_of;

struct Arguments {
  pawl::ProducerOptions options;
  std::string source;
  std::string board;
  std::string log;
  std::string pressure = "block";
  int pause_ms = 1;
  std::uint64_t kills_every = 1;  // of the numbers that kill their worker only each so-and-so many
                                  // is sent: each costs a few leases
  long close_ms = 60'000;
};

class Producer {
 public:
  explicit Producer(const Arguments& arguments)
      : arguments_(arguments), record_(arguments.board), producer_(arguments.options) {}

  void run(const std::atomic<bool>& ending) {
    std::uint64_t number = first_number(ending);
    for (; !ending.load(); ++number) {
      const std::string name = arguments_.source + ':' + std::to_string(number);
      if (is_spared(name)) continue;
      send(number, name);
      if (arguments_.pause_ms != 0) poll(nullptr, 0, arguments_.pause_ms);
    }
  }

  int close() {
    const std::chrono::milliseconds deadline(arguments_.close_ms);
    producer_.flush(deadline);
    const pawl::SendResult result = producer_.close(deadline);
    Record::say("closed " + std::to_string(result.sent) + ' ' + std::to_string(result.confirmed) +
                ' ' + std::to_string(result.refused) + ' ' + std::to_string(result.unconfirmed));
    return result.unconfirmed == 0 ? 0 : 1;
  }

 private:
  bool is_named() const { return !arguments_.options.name.empty(); }

  std::uint64_t first_number(const std::atomic<bool>& ending) {
    while (is_named() && !ending.load()) {
      if (producer_.wait_open(200ms)) return producer_.kept(1s).floor;
    }
    return 1;
  }

  bool is_spared(const std::string& name) const {
    return pawl::testing::fate_of(name) == pawl::testing::Fate::poison &&
           pawl::testing::number_of(name) / 80 % arguments_.kills_every != 0;
  }

  void send(std::uint64_t number, const std::string& name) {
    const std::string text = pawl::test::text_of(name);
    OracleLog::write("sent " + name);
    record_.count(Word::sent);
    const pawl::Receipt receipt =
        is_named() ? producer_.send_at(number, text) : producer_.send(text);
    receipt.then(executor_, [this, name](const pawl::Outcome& outcome) { tell(name, outcome); });
  }

  void tell(const std::string& name, const pawl::Outcome& outcome) const {
    if (outcome.confirmed()) {
      OracleLog::write("confirmed " + name +
                       (outcome.has_id ? ' ' + std::to_string(outcome.offset) : ""));
      record_.count(Word::confirmed);
    } else if (outcome.status == pawl::OutcomeStatus::refused) {
      OracleLog::write("refused " + name + ' ' + std::string(pawl::name_of(outcome.code)));
      record_.count(Word::refused);
    }
  }

  const Arguments& arguments_;
  Record record_;
  pawl::ThreadExecutor executor_;
  pawl::Producer producer_;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  pawl::ProducerOptions& options = arguments.options;
  CommandLine line("Sends for the torture.");
  line.add_required("endpoint", options.endpoint);
  line.add_required("queue", options.queue);
  line.add_required("source", arguments.source);
  line.add("--name", options.name);
  line.add("--window", options.unconfirmed_messages_max);
  line.add("--pressure", arguments.pressure, "", one_of({"block", "wait"}));
  line.add("--board", arguments.board);
  line.add("--log", arguments.log);
  line.add("--pause-ms", arguments.pause_ms);
  line.add("--kills-every", arguments.kills_every, "", above(0));
  line.add("--close-ms", arguments.close_ms);
  line.parse_or_exit(argc, argv);
  options.durability = pawl::Durability::synced;
  options.back_pressure_deadline = 300ms;
  if (arguments.pressure == "wait") options.back_pressure = pawl::BackPressure::wait;
  return arguments;
}

std::atomic<bool> ending{false};

// By a thread that nobody waits for: a producer that fails ends while its stdin is open.
void listen_for_the_end() {
  std::thread([] {
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    ending = true;
  }).detach();
}

int produce(const Arguments& arguments) {
  OracleLog::open(arguments.log);
  listen_for_the_end();
  Producer producer(arguments);
  producer.run(ending);
  return producer.close();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return produce(parse(argc, argv));
  } catch (const std::exception& error) {
    Record::say(std::string("error ") + error.what());
    return 3;
  }
}
