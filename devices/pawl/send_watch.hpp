// SPDX-License-Identifier: Apache-2.0
// Looks after a send that may be blocked in reading or in back-pressure: ends it at a signal, or
// when the device was absent for too long, says when the device holds it back (or ends it then),
// and draws the progress bar on a terminal.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include <pawl/producer.hpp>

#include "core/transport/wake_up.hpp"
#include "devices/pawl/commands.hpp"
#include "devices/signals.hpp"

namespace pawl::devices {

class SendWatch {
 public:
  enum class Why : std::uint8_t { done, signal, absent, refused, full };

  // `input_bytes`: 0 when unknown. All references must outlive the watch.
  SendWatch(Producer& producer, const Signals& signals, const SendArguments& arguments,
            std::uint64_t input_bytes);
  ~SendWatch() { stop(); }

  // Readable once the watch has ended the send: it closed the producer.
  int ended_fd() const { return ended_.fd(); }
  bool ended() const { return why_ != Why::done; }
  Why why() const { return why_; }
  int signal() const { return signal_; }

  void read(std::uint64_t bytes) { bytes_read_.store(bytes, std::memory_order_relaxed); }
  // Ends the send for an absent device, from the sending thread.
  void give_up();
  // A line on stderr, in place of the progress bar.
  void say(const std::string& text);
  // Ends the thread and clears the bar. Idempotent.
  void stop();

 private:
  void run();
  void end(Why why, std::chrono::milliseconds last_chance);
  bool is_held(std::chrono::steady_clock::time_point now, ConnectionState state);
  void on_held();
  void draw();
  void clear();

  Producer& producer_;
  const Signals& signals_;
  const SendArguments& arguments_;
  const std::uint64_t input_bytes_;
  const bool on_terminal_;
  std::atomic<std::uint64_t> bytes_read_{0};
  std::atomic<Why> why_{Why::done};
  std::atomic<int> signal_{0};
  std::uint64_t answered_ = 0;  // of the messages, when last looked at
  std::chrono::steady_clock::time_point answered_at_{};
  bool held_ = false;                     // and said so
  std::chrono::milliseconds held_after_;  // without an answer, though there is something to answer
  transport::WakeUp ended_;
  transport::WakeUp stop_;
  std::mutex terminal_;  // one line at a time
  std::thread thread_;
};

}  // namespace pawl::devices
