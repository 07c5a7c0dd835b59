// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/send_watch.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "devices/numbers.hpp"

namespace pawl::devices {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_every = 100ms;            // of the bar, and of the device's presence
constexpr auto interrupted_deadline = 300ms;  // for confirms that are on their way at Ctrl-C
constexpr int bar_columns = 30;

SendWatch::SendWatch(Producer& producer, const Signals& signals, std::string endpoint,
                     std::chrono::milliseconds absent_max, std::uint64_t input_bytes)
    : producer_(producer),
      signals_(signals),
      endpoint_(std::move(endpoint)),
      absent_max_(absent_max),
      input_bytes_(input_bytes),
      on_terminal_(isatty(STDERR_FILENO) == 1),
      thread_([this] { run(); }) {}

void SendWatch::run() {
  auto present_at = Clock::now();
  pollfd watched[] = {{signals_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
  for (;;) {
    poll(watched, 2, static_cast<int>(look_every.count()));
    if (watched[1].revents != 0) return;
    if (const int signal = signals_.take(); signal != 0) {
      signal_ = signal;
      return end(Why::signal, interrupted_deadline);
    }
    const auto now = Clock::now();
    const ConnectionState state = producer_.state();
    if (state == ConnectionState::open) present_at = now;
    if (state == ConnectionState::closed) return;
    if (state == ConnectionState::refused) {  // final: the producer's next call says why
      why_ = Why::refused;
      ended_.signal();
      return;
    }
    if (now - present_at > absent_max_) {
      say("no device at " + endpoint_ + " for " + std::to_string(absent_max_.count() / 1000) +
          " s (--wait)");
      return end(Why::absent, 0ms);
    }
    if (on_terminal_) draw();
  }
}

void SendWatch::end(Why why, std::chrono::milliseconds last_chance) {
  why_ = why;
  ended_.signal();
  producer_.close(last_chance);
}

void SendWatch::give_up() {
  if (!ended()) end(Why::absent, 0ms);
}

void SendWatch::say(const std::string& text) {
  const std::lock_guard lock(terminal_);
  clear();
  std::fprintf(stderr, "pawl send: %s\n", text.c_str());
}

void SendWatch::draw() {
  const SendResult so_far = producer_.progress();
  const std::lock_guard lock(terminal_);
  std::string bar;
  if (input_bytes_ != 0) {
    const std::uint64_t read = std::min(bytes_read_.load(), input_bytes_);
    const auto filled = static_cast<std::size_t>(read * bar_columns / input_bytes_);
    bar = "[" + std::string(filled, '#') + std::string(bar_columns - filled, ' ') + "] " +
          std::to_string(read * 100 / input_bytes_) + " %  ";
  }
  std::fprintf(stderr, "\r\033[K%s%s sent, %s confirmed", bar.c_str(),
               with_separators(so_far.sent).c_str(), with_separators(so_far.confirmed).c_str());
  std::fflush(stderr);
}

void SendWatch::clear() {
  if (on_terminal_) std::fputs("\r\033[K", stderr);
}

void SendWatch::stop() {
  stop_.signal();
  if (!thread_.joinable()) return;
  thread_.join();
  const std::lock_guard lock(terminal_);
  clear();
}

}  // namespace pawl::devices
