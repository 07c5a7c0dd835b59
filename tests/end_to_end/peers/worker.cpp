// SPDX-License-Identifier: Apache-2.0
// Works in one of the five ways, as each body's first word says:
//   die (kill -9 of itself) · hold (until "go" on stdin) · nack · reject · return
//   anything else: ack, after --pause-ms
// and says: start ATTEMPT LEASE BODY · end BODY · stale BODY (pulled ones) · closed …
// On stdin: go [N] · drain MS · close MS.
// With --log it works as each message's number says (tests/support/fate.hpp), and tells the oracle
// of the torture instead.
#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pawl/coroutine.hpp>
#include <pawl/worker.hpp>

#include "tests/end_to_end/peers/record.hpp"
#include "tests/support/command_line.hpp"
#include "tests/support/fate.hpp"
#include "tests/torture/peers/oracle_log.hpp"

namespace {

using namespace std::chrono_literals;
using pawl::Delivery;
using pawl::test::OracleLog;
using pawl::test::Record;
using pawl::test::Word;
using pawl::testing::CommandLine;
using pawl::testing::one_of;

struct Arguments {
  pawl::WorkerOptions options;
  std::string how = "handler";
  std::string board;
  std::string log;
  int pause_ms = 0;
  int slow_ms = 0;
  long idle_ms = 0;
};

// Lets handlers that hold go on, one for each "go".
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return passes_ != 0; });
    --passes_;
  }
  void open(int passes) {
    const std::lock_guard lock(mutex_);
    passes_ += passes;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int passes_ = 0;
};

std::string first_word(std::string_view text) {
  return std::string(text.substr(0, text.find(' ')));
}

// Does what the body says; what it wants done with the message is thrown, as by any handler.
class Handling {
 public:
  explicit Handling(const Arguments& arguments) : arguments_(arguments), record_(arguments.board) {}

  Gate& gate() { return gate_; }

  void work(const Delivery& delivery) {
    if (OracleLog::is_open()) return work_as_numbered(delivery);
    const std::string word = first_word(delivery.text());
    record_.count(Word::started);
    // A long body is filled up: its name is what matters.
    const std::string body(delivery.text().substr(0, 60));
    Record::say("start " + std::to_string(delivery.attempt()) + " " +
                std::to_string(delivery.lease()) + " " + body);
    if (word == "die") raise(SIGKILL);
    if (word == "hold") gate_.pass();
    if (arguments_.pause_ms != 0) poll(nullptr, 0, arguments_.pause_ms);
    record_.count(Word::finished);
    Record::say("end " + body);
    if (word == "nack") throw pawl::Nack("told to");
    if (word == "reject") throw pawl::Reject("told to");
    if (word == "return") throw pawl::Return(50ms);
  }

  // Dead letters are all acked.
  void work_as_numbered(const Delivery& delivery) {
    using pawl::testing::Fate;
    const std::string name = pawl::test::name_in(delivery.text());
    const auto tell = [&](const char* what) {
      OracleLog::write(what + std::to_string(delivery.offset()) + ' ' +
                       std::to_string(pawl::test::nanoseconds(delivery.valid_until())) + ' ' +
                       name);
    };
    const bool is_dead = delivery.queue().ends_with(".dead");
    const Fate fate = is_dead ? Fate::acked : pawl::testing::fate_of(name);
    record_.count(Word::started);
    if (!is_dead) tell("begin ");
    if (delivery.text() != pawl::test::text_of(name)) OracleLog::write("damaged " + name);
    if (fate == Fate::poison) raise(SIGKILL);
    const int pause = is_dead ? 0 : pause_of(pawl::testing::number_of(name));
    if (pause != 0) poll(nullptr, 0, pause);
    record_.count(Word::finished);
    if (fate == Fate::rejected) throw_after(tell, pawl::Reject("not this one"));
    if (fate == Fate::always_nacked || (fate == Fate::acked_later && delivery.attempt() == 1)) {
      throw_after(tell, pawl::Nack("not yet"));
    }
    if (!is_dead && !delivery.redelivered() && pawl::testing::number_of(name) % 60 == 11) {
      throw_after(tell, pawl::Return(20ms));
    }
    if (!is_dead) tell("done ");
  }

  // Of a message that is ours to settle.
  void work_and_settle(Delivery delivery) {
    bool held = true;
    try {
      work(delivery);
      held = delivery.ack();
    } catch (const pawl::Nack& nack) {
      held = delivery.nack(nack.what(), nack.delay());
    } catch (const pawl::Reject& reject) {
      held = delivery.reject(reject.what());
    } catch (const pawl::Return& back) {
      held = delivery.give_back(back.delay());
    }
    if (!held) Record::say("stale " + std::string(delivery.text().substr(0, 60)));
  }

  void work_batch(std::span<const Delivery> batch, std::span<pawl::HandlerOutcome> outcomes) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      try {
        work(batch[i]);
      } catch (const pawl::Nack& nack) {
        outcomes[i] = {pawl::Verdict::nack, nack.what(), nack.delay()};
      } catch (const pawl::Reject& reject) {
        outcomes[i] = {pawl::Verdict::reject, reject.what(), {}};
      } catch (const pawl::Return& back) {
        outcomes[i] = {pawl::Verdict::give_back, "", back.delay()};
      }
    }
  }

 private:
  // Some handlers take most of a lease, and a few take longer.
  int pause_of(std::uint64_t number) const {
    if (number % 150 != 50) return arguments_.pause_ms;
    return number % 600 == 50 ? 2 * arguments_.slow_ms : arguments_.slow_ms;
  }

  template <class Tell, class Outcome>
  static void throw_after(Tell tell, Outcome outcome) {
    tell("end ");
    throw outcome;
  }

  const Arguments& arguments_;
  Record record_;
  Gate gate_;
};

// One message at a time until the worker ends; the last one says so.
pawl::Task take_all(pawl::Worker& worker, Handling& handling, Gate& done) {
  while (auto delivery = co_await worker.next()) handling.work_and_settle(std::move(*delivery));
  done.open(1);
}

bool is_over(const pawl::Worker& worker) {
  return worker.state() == pawl::ConnectionState::closed ||
         worker.state() == pawl::ConnectionState::refused;
}

void pull(pawl::Worker& worker, Handling& handling, const std::atomic<bool>& ending) {
  while (!ending && !is_over(worker)) {
    if (auto delivery = worker.receive(200ms)) handling.work_and_settle(std::move(*delivery));
  }
}

void poll_descriptor(pawl::Worker& worker, Handling& handling, const std::atomic<bool>& ending) {
  while (!ending && !is_over(worker)) {
    pollfd readable{worker.fd(), POLLIN, 0};
    poll(&readable, 1, 200);
    worker.poll([&](const Delivery& delivery) { handling.work(delivery); });
  }
}

// Obeys stdin from a thread of its own, as a supervisor would. Ends with stdin and with what it was
// told: a drain waits in yet another thread, since a "go" may be what it waits for.
class Control {
 public:
  Control(pawl::Worker& worker, Handling& handling) : worker_(worker), handling_(handling) {}

  void run() {
    std::vector<std::jthread> waiting;
    std::string line;
    while (std::getline(std::cin, line)) {
      const std::string word = first_word(line);
      const std::string_view rest =
          std::string_view(line).substr(std::min(line.size(), word.size() + 1));
      const std::chrono::milliseconds deadline(std::atol(std::string(rest).c_str()));
      if (word == "go")
        handling_.gate().open(rest.empty() ? 1 : static_cast<int>(deadline.count()));
      if (word == "drain") {
        ending = true;
        waiting.emplace_back([this, deadline] {
          Record::say(std::string("drained ") + (worker_.drain(deadline) ? "1" : "0"));
        });
      }
      if (word == "close") close(deadline);
    }
  }

  // Says what the worker says at its end: took ms, clean, unanswered, acked, nacked, rejected,
  // returned, stale, and what was still running.
  void close(std::chrono::milliseconds deadline) {
    ending = true;
    const auto begun = std::chrono::steady_clock::now();
    const pawl::CloseResult result = worker_.close(deadline);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun);
    const pawl::WorkerProgress& progress = result.progress;
    std::string line = "closed " + std::to_string(took.count()) + (result.clean ? " 1" : " 0");
    for (const std::uint64_t count : {result.unanswered, progress.acked, progress.nacked,
                                      progress.rejected, progress.returned, progress.stale}) {
      line += " " + std::to_string(count);
    }
    for (const std::string& id : result.still_running) line += " " + id;
    Record::say(line);
  }

  std::atomic<bool> ending{false};

 private:
  pawl::Worker& worker_;
  Handling& handling_;
};

void work(const Arguments& arguments) {
  pawl::ThreadExecutor executor;
  pawl::WorkerOptions options = arguments.options;
  if (arguments.how == "coroutine") options.executor = &executor;
  options.idle_exit = std::chrono::milliseconds(arguments.idle_ms);
  Handling handling(arguments);
  pawl::Worker worker(options);
  Control control(worker, handling);
  std::thread obeying([&] { control.run(); });
  if (arguments.how == "handler") {
    worker.run([&](const Delivery& delivery) { handling.work(delivery); });
  } else if (arguments.how == "batch") {
    worker.run_batch([&](auto batch, auto outcomes) { handling.work_batch(batch, outcomes); });
  } else if (arguments.how == "pull") {
    pull(worker, handling, control.ending);
  } else if (arguments.how == "descriptor") {
    poll_descriptor(worker, handling, control.ending);
  } else {
    Gate done;
    take_all(worker, handling, done);
    done.pass();
  }
  Record::say("ended");
  obeying.join();
  control.close(5s);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  pawl::WorkerOptions& options = arguments.options;
  CommandLine line("Works for the tests.");
  line.add_required("endpoint", options.endpoint);
  line.add_required("queue", options.queue);
  line.add("--how", arguments.how, "",
           one_of({"handler", "batch", "pull", "descriptor", "coroutine"}));
  line.add("--threads", options.threads);
  line.add("--slots", options.slots);
  line.add("--prefetch", options.prefetch_messages);
  line.add("--peer", options.peer);
  line.add("--count", options.count_max);
  line.add("--idle-ms", arguments.idle_ms);
  line.add("--pause-ms", arguments.pause_ms);
  line.add("--board", arguments.board);
  line.add("--log", arguments.log);
  line.add("--slow-ms", arguments.slow_ms);
  line.parse_or_exit(argc, argv);
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    OracleLog::open(arguments.log);
    OracleLog::write("takes " + arguments.options.queue);
    work(arguments);
    return 0;
  } catch (const std::exception& error) {
    Record::say(std::string("error ") + error.what());
    return 3;
  }
}
