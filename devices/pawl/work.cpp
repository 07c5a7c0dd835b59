// SPDX-License-Identifier: Apache-2.0
// pawl work: takes messages and prints them, or runs a command over each.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <climits>
#include <csignal>
#include <cstdio>
#include <vector>

#include <pawl/worker.hpp>

#include "core/descriptor_limit.hpp"
#include "devices/no_device.hpp"
#include "devices/pawl/commands.hpp"
#include "devices/pawl/exec.hpp"
#include "devices/pawl/message_environment.hpp"
#include "devices/pawl/return_delays.hpp"
#include "devices/pawl/work_control.hpp"

namespace pawl::devices {
namespace {

using namespace std::chrono_literals;

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

// Of the descriptors that a process has: what ZeroMQ and the standard streams take, and what each
// command does (two pipes, until it has been started).
constexpr std::uint64_t descriptors_own = 256;
constexpr std::uint64_t descriptors_each = 4;

constexpr int exit_rejects = 65;     // EX_DATAERR
constexpr int exit_returns = 75;     // EX_TEMPFAIL
constexpr int exit_by_signal = 128;  // what a shell adds to the signal that ended its last command

// Runs the command over one message; its exit code becomes the outcome.
class Execute {
 public:
  Execute(const std::string& command, const Worker& worker, WorkControl& control,
          ReturnDelays& delays)
      : command_(command), worker_(worker), control_(control), delays_(delays) {}

  void operator()(const Delivery& delivery) const {
    const ExecBounds bounds{.abandon_fd = control_.abandon_fd(),
                            .time_max = worker_.handler_timeout()};
    const ExecResult result =
        run_command(command_, delivery.body(), environment_of(delivery), bounds);
    switch (result.end) {
      case ExecResult::End::abandoned: throw Return();
      case ExecResult::End::too_late: fail_late(delivery, bounds, result);
      case ExecResult::End::failed: fail(delivery, "not started", result);
      case ExecResult::End::starved: give_back_unstarted(delivery, result);
      case ExecResult::End::killed:
        give_back_if_unread(result.status);
        fail(delivery, "signal " + std::to_string(result.status), result);
      case ExecResult::End::exited: return settle(delivery, result);
    }
  }

 private:
  void settle(const Delivery& delivery, const ExecResult& result) const {
    if (result.status == exit_returns) {
      throw Return(delays_.next(delivery.offset(), worker_.first_backoff()));
    }
    delays_.forget(delivery.offset());
    if (result.status == 0) return;
    if (result.status > exit_by_signal) give_back_if_unread(result.status - exit_by_signal);
    const std::string words = "exit " + std::to_string(result.status);
    if (result.status != exit_rejects) fail(delivery, words, result);
    say(delivery, "rejected", words, result);
    throw Reject(reason(words, result));
  }

  [[noreturn]] void fail(const Delivery& delivery, const std::string& words,
                         const ExecResult& result) const {
    delays_.forget(delivery.offset());
    say(delivery, "attempt " + std::to_string(delivery.attempt()) + " failed", words, result);
    throw Nack(reason(words, result));
  }

  // What this process lacks is no fault of the message: another worker may have it, or this one
  // later.
  [[noreturn]] void give_back_unstarted(const Delivery& delivery, const ExecResult& result) const {
    say(delivery, "given back", "not started", result);
    throw Return(delays_.next(delivery.offset(), worker_.first_backoff()));
  }

  // The worker itself fails the message at this moment; who of us is first does not matter.
  [[noreturn]] void fail_late(const Delivery& delivery, const ExecBounds& bounds,
                              const ExecResult& result) const {
    delays_.forget(delivery.offset());
    say(delivery, "attempt " + std::to_string(delivery.attempt()) + " failed",
        "ran for " + std::to_string(bounds.time_max.count()) + " ms, the queue's handler_timeout",
        result);
    throw Nack(reason("handler time-out", result));
  }

  // A command that wrote where nobody reads is not to blame for that, and no other would do better.
  void give_back_if_unread(int signal) const {
    if (signal != SIGPIPE || !output_is_broken()) return;
    control_.lose_output(EPIPE);
    throw Return();
  }

  static std::string reason(const std::string& words, const ExecResult& result) {
    return result.complaint.empty() ? words : words + ": " + result.complaint;
  }

  // The command's own words have been passed on: their last line shows which of them these were.
  static void say(const Delivery& delivery, const std::string& outcome, const std::string& words,
                  const ExecResult& result) {
    const std::string last = result.complaint.substr(result.complaint.rfind('\n') + 1);
    std::fprintf(stderr, "pawl work: %s: %s: %s%s%s\n", delivery.id().c_str(), outcome.c_str(),
                 words.c_str(), last.empty() ? "" : ": ", last.c_str());
  }

  const std::string& command_;
  const Worker& worker_;
  WorkControl& control_;
  ReturnDelays& delays_;
};

// Writes bodies to stdout, each with a newline, before they are acked.
class Print {
 public:
  explicit Print(WorkControl& control) : control_(control) {}

  // What was not written to its end goes back.
  void operator()(std::span<const Delivery> batch, std::span<HandlerOutcome> outcomes) {
    text_.clear();
    ends_.clear();
    for (const Delivery& delivery : batch) {
      text_.append(delivery.text()).push_back('\n');
      ends_.push_back(text_.size());
    }
    const std::size_t written = write_text();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (ends_[i] > written) outcomes[i].verdict = Verdict::give_back;
    }
  }

 private:
  // How much of the text was written: less when stdout takes no more, or when nobody reads it and
  // the second signal has come.
  std::size_t write_text() {
    pollfd watched[] = {{STDOUT_FILENO, POLLOUT, 0}, {control_.abandon_fd(), POLLIN, 0}};
    std::size_t written = 0;
    while (written < text_.size()) {
      if (control_.output_lost()) return written;
      if (poll(watched, 2, -1) < 0) continue;
      if (watched[1].revents != 0) {
        control_.stop();
        return written;
      }
      // A pipe that is writable takes at least PIPE_BUF bytes without blocking.
      const std::size_t size = std::min<std::size_t>(text_.size() - written, PIPE_BUF);
      const ssize_t wrote = write(STDOUT_FILENO, text_.data() + written, size);
      if (wrote < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (wrote < 0) {
        control_.lose_output(errno);
        return written;
      }
      written += static_cast<std::size_t>(wrote);
    }
    return written;
  }

  WorkControl& control_;
  std::string text_;
  std::vector<std::size_t> ends_;  // of each message in it
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
  bool connected = false;  // at any time

  void add(const CloseResult& closed) {
    connected = connected || closed.progress.received != 0;
    acked += closed.progress.acked;
    nacked += closed.progress.nacked;
    rejected += closed.progress.rejected;
    returned += closed.progress.returned;
    // The outcome of a command that was ended for its time comes after the worker's own.
    stale += closed.progress.stale - std::min(closed.progress.stale, closed.progress.timed_out);
    clean = clean && closed.clean;
  }
  std::uint64_t settled() const { return acked + nacked + rejected; }
};

// A descriptor that was closed at the start stands for /dev/null, to be read only (signals.cpp).
bool can_write_stdout() {
  const int flags = fcntl(STDOUT_FILENO, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

// One worker, until it ends; true if `count_max` ended it.
bool run_worker(const WorkArguments& arguments, std::uint64_t count_max, WorkControl& control,
                ReturnDelays& delays, Totals& totals) {
  Worker worker(worker_options(arguments, count_max));
  if (!control.attend(&worker)) return false;
  const bool may_wait = arguments.idle_exit == 0ms || arguments.idle_exit > 1s;
  RunEnd end = RunEnd::closed;
  try {
    if (worker.wait_open(may_wait ? 1s : 0s)) totals.connected = true;
    if (may_wait && !totals.connected && !control.stopping()) {
      std::fprintf(stderr, "pawl work: waiting for a device at %s\n", arguments.endpoint.c_str());
    }
    if (arguments.command.empty()) {
      end = worker.run_batch(Print(control));
    } else {
      end = worker.run(Execute(arguments.command, worker, control, delays));
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

int work(const WorkArguments& arguments, const Signals& signals) try {
  if (!arguments.command.empty() && !can_write_stdout()) {
    std::fputs(
        "pawl work: standard output is closed, and commands would fail for it: redirect it, to "
        "/dev/null if nobody reads it\n",
        stderr);
    return 1;
  }
  // No more than is needed: commands inherit it, and some go through all that they may have.
  const std::uint64_t descriptors = descriptors_own + descriptors_each * arguments.concurrency;
  if (!arguments.command.empty() && !raise_descriptor_limit(descriptors)) {
    std::fputs("pawl work: the limit on descriptors is too low for --concurrency: see ulimit -n\n",
               stderr);
  }
  WorkControl control(signals, arguments.command.empty());
  ReturnDelays delays;
  Totals totals;
  // What was returned or lost is not settled: another worker goes on for the rest of --count.
  while (run_worker(arguments, arguments.count == 0 ? 0 : arguments.count - totals.settled(),
                    control, delays, totals) &&
         totals.settled() < arguments.count) {
  }
  std::fprintf(stderr,
               "acked %" PRIu64 ", nacked %" PRIu64 ", rejected %" PRIu64 ", returned %" PRIu64
               ", stale %" PRIu64 "\n",
               totals.acked, totals.nacked, totals.rejected, totals.returned, totals.stale);
  if (control.abandoned_by() != 0) return 128 + control.abandoned_by();
  if (!totals.connected && !control.stopping()) {
    std::fprintf(stderr, "pawl work: %s\n", no_device_at(arguments.endpoint).c_str());
    return 1;
  }
  return totals.clean && !control.output_lost() ? 0 : 1;
} catch (const Refused&) {
  return 1;  // the worker's log has said why
}

}  // namespace pawl::devices
