// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/send_watch.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "devices/no_device.hpp"
#include "devices/numbers.hpp"
#include "devices/pawl/stat_query.hpp"

namespace pawl::devices {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_every = 100ms;            // of the bar, and of the device's presence
constexpr auto interrupted_deadline = 300ms;  // for confirms that are on their way at Ctrl-C
constexpr int bar_columns = 30;
constexpr auto held_after = 1s;
// A slow worker lets a full queue go on message by message: each time it is said later.
constexpr std::chrono::milliseconds held_after_max = 1min;
constexpr auto stat_deadline = 500ms;

SendWatch::SendWatch(Producer& producer, const Signals& signals, const SendArguments& arguments,
                     std::uint64_t input_bytes)
    : producer_(producer),
      signals_(signals),
      arguments_(arguments),
      input_bytes_(input_bytes),
      on_terminal_(isatty(STDERR_FILENO) == 1),
      answered_at_(Clock::now()),
      held_after_(held_after),
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
    if (now - present_at > arguments_.wait) {
      const std::string seconds = std::to_string(arguments_.wait.count() / 1000);
      say(no_device_at(arguments_.endpoint, " for " + seconds + " s (--wait)"));
      return end(Why::absent, 0ms);
    }
    if (is_held(now, state)) on_held();
    if (ended()) return;
    if (on_terminal_) draw();
  }
}

// True once each time that the device has answered nothing for a while, though it could.
bool SendWatch::is_held(Clock::time_point now, ConnectionState state) {
  const SendResult so_far = producer_.progress();
  const std::uint64_t answered = so_far.confirmed + so_far.refused;
  const bool goes_on = answered != std::exchange(answered_, answered);
  if (goes_on && std::exchange(held_, false)) {
    say("going on");
    held_after_ = std::min(2 * held_after_, held_after_max);
  }
  if (goes_on || so_far.unconfirmed == 0 || state != ConnectionState::open) answered_at_ = now;
  return !held_ && now - answered_at_ >= held_after_;
}

// Only a device that answers holds back; one that does not is about to be found absent.
void SendWatch::on_held() {
  const auto without_space = query_without_space(arguments_.endpoint, stat_deadline);
  if (!without_space) return;
  const std::string why = *without_space ? "the device has no space left" : "the queue is full";
  if (arguments_.on_full == OnFull::fail) {
    say(why + ": giving up (--on-full fail)");
    return end(Why::full, 0ms);
  }
  say(why + ": waiting; workers make room, --on-full fail would give up");
  held_ = true;
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
  if (held_) is_held(Clock::now(), producer_.state());  // it may have gone on since the last look
  const std::lock_guard lock(terminal_);
  clear();
}

}  // namespace pawl::devices
