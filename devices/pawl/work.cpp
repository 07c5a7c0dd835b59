// SPDX-License-Identifier: Apache-2.0
// pawl work: takes messages and prints them, or runs a command over each.
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include <pawl/worker.hpp>

#include "core/transport/wake_up.hpp"
#include "devices/pawl/commands.hpp"
#include "devices/pawl/exec.hpp"
#include "devices/pawl/message_environment.hpp"

namespace pawl::devices {
namespace {

using namespace std::chrono_literals;

// The first signal drains the worker at hand, the second abandons what runs.
class Control {
 public:
  explicit Control(const Signals& signals) : signals_(signals), thread_([this] { run(); }) {}
  ~Control() {
    done_.signal();
    thread_.join();
  }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // The worker that signals stop from now on; null before it goes away. False if one has come.
  bool attend(Worker* worker) {
    const std::lock_guard lock(mutex_);
    worker_ = worker;
    return !stopping_;
  }
  // Ends the work from within a handler: a command or stdout cannot go on.
  void stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (worker_ != nullptr) worker_->stop();
  }
  int abandon_fd() const { return abandon_.fd(); }
  bool stopping() const { return stopping_; }
  int abandoned_by() const { return abandoned_by_; }

 private:
  void run() {
    pollfd watched[] = {{signals_.fd(), POLLIN, 0}, {done_.fd(), POLLIN, 0}};
    while (watched[1].revents == 0) {
      if (poll(watched, 2, -1) < 0) continue;
      const int signal = signals_.take();
      if (signal == 0) continue;
      if (stopping_) {
        abandoned_by_ = signal;
        abandon_.signal();
      } else {
        std::fputs("pawl work: finishing what is in hand; once more to stop at once\n", stderr);
        stop();
      }
    }
  }

  const Signals& signals_;
  std::mutex mutex_;
  Worker* worker_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::atomic<int> abandoned_by_{0};
  transport::WakeUp abandon_;
  transport::WakeUp done_;
  std::thread thread_;
};

std::vector<std::string> environment_of(const Delivery& delivery) {
  MessageAbout about{.id = delivery.id(),
                     .queue = std::string(delivery.queue()),
                     .attempt = delivery.attempt(),
                     .headers = delivery.headers()};
  if (const auto history = delivery.history(); !history.empty()) {
    about.origin = delivery.origin();
    about.reason = history.back().reason;
  }
  return message_environment(about, environ);
}

constexpr int exit_rejects = 65;  // EX_DATAERR
constexpr int exit_returns = 75;  // EX_TEMPFAIL

// Runs the command over one message; its exit code becomes the outcome.
class Execute {
 public:
  Execute(const std::string& command, const Worker& worker, const Control& control)
      : command_(command), worker_(worker), control_(control) {}

  void operator()(const Delivery& delivery) const {
    const ExecResult result =
        run_command(command_, delivery.body(), environment_of(delivery), control_.abandon_fd());
    const std::string tail = result.complaint.empty() ? "" : ": " + result.complaint;
    switch (result.end) {
      case ExecResult::End::abandoned: throw Return();
      case ExecResult::End::failed: throw Nack("not started" + tail);
      case ExecResult::End::killed: throw Nack("signal " + std::to_string(result.status) + tail);
      case ExecResult::End::exited: break;
    }
    if (result.status == 0) return;
    if (result.status == exit_returns) throw Return(worker_.first_backoff());
    const std::string reason = "exit " + std::to_string(result.status) + tail;
    if (result.status == exit_rejects) throw Reject(reason);
    throw Nack(reason);
  }

 private:
  const std::string& command_;
  const Worker& worker_;
  const Control& control_;
};

// Writes bodies to stdout, each with a newline, before they are acked.
class Print {
 public:
  explicit Print(Control& control) : control_(control) {}

  void operator()(std::span<const Delivery> batch) {
    text_.clear();
    for (const Delivery& delivery : batch) text_.append(delivery.text()).push_back('\n');
    if (!write_all(text_)) {
      control_.stop();
      throw Return();
    }
  }
  bool failed() const { return failed_; }

 private:
  // False when stdout is closed, or when nobody reads it and the second signal has come.
  bool write_all(std::string_view text) {
    pollfd watched[] = {{STDOUT_FILENO, POLLOUT, 0}, {control_.abandon_fd(), POLLIN, 0}};
    while (!text.empty()) {
      if (poll(watched, 2, -1) < 0) continue;
      if (watched[1].revents != 0) return false;
      // A pipe that is writable takes at least PIPE_BUF bytes without blocking.
      const ssize_t wrote =
          write(STDOUT_FILENO, text.data(), std::min<std::size_t>(text.size(), 4096));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) {
        std::fprintf(stderr, "pawl work: stdout: %s\n", std::strerror(errno));
        failed_ = true;
        return false;
      }
      text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
  }

  Control& control_;
  std::string text_;
  bool failed_ = false;
};

WorkerOptions worker_options(const WorkArguments& arguments, std::uint64_t count_max) {
  WorkerOptions options;
  options.endpoint = arguments.endpoint;
  options.queue = arguments.queue;
  options.idle_exit = arguments.idle_exit;
  options.count_max = count_max;
  options.log = [](LogLevel level, std::string_view text) {
    if (level < LogLevel::warning) return;
    std::fprintf(stderr, "pawl work: %.*s\n", static_cast<int>(text.size()), text.data());
  };
  if (!arguments.command.empty()) {
    // What has been started is exactly what runs: at a death nothing else is a suspect.
    options.threads = options.slots = arguments.concurrency;
    options.prefetch_messages = 4 * arguments.concurrency;
  }
  if (arguments.prefetch != 0) options.prefetch_messages = arguments.prefetch;
  return options;
}

struct Totals {
  std::uint64_t acked = 0, nacked = 0, rejected = 0, returned = 0, stale = 0;
  bool clean = true;
  bool connected = false;

  void add(const CloseResult& closed) {
    acked += closed.progress.acked;
    nacked += closed.progress.nacked;
    rejected += closed.progress.rejected;
    returned += closed.progress.returned;
    stale += closed.progress.stale;
    clean = clean && closed.clean;
  }
  std::uint64_t settled() const { return acked + nacked + rejected; }
};

// One worker, until it ends; true if `count_max` ended it.
bool run_worker(const WorkArguments& arguments, std::uint64_t count_max, Control& control,
                Print& print, Totals& totals) {
  Worker worker(worker_options(arguments, count_max));
  if (!control.attend(&worker)) return false;
  RunEnd end = RunEnd::closed;
  try {
    if (arguments.command.empty()) {
      end = worker.run_batch(
          [&](std::span<const Delivery> batch, std::span<BatchOutcome>) { print(batch); });
    } else {
      end = worker.run(Execute(arguments.command, worker, control));
    }
  } catch (...) {
    control.attend(nullptr);
    throw;
  }
  control.attend(nullptr);
  if (worker.state() == ConnectionState::open) totals.connected = true;
  totals.add(worker.close(control.abandoned_by() != 0 ? 1s : 5s));
  return end == RunEnd::counted;
}

}  // namespace

int work(const WorkArguments& arguments, const Signals& signals) {
  Control control(signals);
  Print print(control);
  Totals totals;
  // What was returned or lost is not settled: another worker goes on for the rest of --count.
  while (run_worker(arguments, arguments.count == 0 ? 0 : arguments.count - totals.settled(),
                    control, print, totals) &&
         totals.settled() < arguments.count) {
  }
  std::fprintf(stderr,
               "acked %" PRIu64 ", nacked %" PRIu64 ", rejected %" PRIu64 ", returned %" PRIu64
               ", stale %" PRIu64 "\n",
               totals.acked, totals.nacked, totals.rejected, totals.returned, totals.stale);
  if (control.abandoned_by() != 0) return 128 + control.abandoned_by();
  if (!totals.connected && !control.stopping()) {
    std::fprintf(stderr, "pawl work: no device at %s\n", arguments.endpoint.c_str());
    return 1;
  }
  return totals.clean && !print.failed() ? 0 : 1;
}

}  // namespace pawl::devices
