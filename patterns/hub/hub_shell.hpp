// SPDX-License-Identifier: Apache-2.0
// The thread that owns a hub's socket, store and machine. Nothing here decides, HubLoop does: it
// reads the clocks, drains, hands in, sends out, sleeps.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pawl/hub.hpp>

#include "core/hub_clock.hpp"
#include "core/memory_watch.hpp"
#include "core/store/store.hpp"
#include "core/system_clock.hpp"
#include "core/transport/router_socket.hpp"
#include "core/transport/wake_up.hpp"
#include "patterns/hub/hub_ground.hpp"
#include "patterns/hub/hub_loop.hpp"

namespace pawl {

class Hub::Shell {
 public:
  explicit Shell(HubOptions options, HubGround ground = {});
  ~Shell();

  const std::vector<std::string>& endpoints() const { return bound_; }
  bool stop(std::chrono::milliseconds deadline);
  // Ends as kill -9 does: nothing more is sent, and no clean end is written. Does not wait. Any
  // thread.
  void kill();
  // The next turn comes at once. Any thread.
  void wake() { wake_.signal(); }
  int ended_fd() const { return ended_.fd(); }
  std::string error() const;

 private:
  void open_store();
  Fault start_machine();
  std::vector<std::string> bind(const std::vector<std::string>& endpoints);
  void bind_again();
  void log(LogLevel level, const std::string& sentence) const;
  void run();
  void turn();
  void send_all();
  void sleep_until_needed(Now now);
  void start_again(const Turn::Failure& failure);
  void finish_up();
  void end(std::string error);
  Now read_clocks();
  Duration ahead() const { return ground_.ahead ? ground_.ahead() : Duration{}; }

  HubOptions options_;
  HubGround ground_;
  SystemEntropy entropy_;
  std::unique_ptr<Store> store_;
  HubClock clock_;
  HubLoop loop_;
  std::unique_ptr<transport::RouterSocket> socket_;
  std::vector<std::string> bound_;
  std::vector<RoutedMessage> out_;
  MemoryWatch memory_watch_;
  Instant next_bind_{};  // not sooner, if memory is over its budget again

  transport::WakeUp wake_;
  transport::WakeUp ended_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> killed_{false};
  std::atomic<bool> finished_{false};
  mutable std::mutex error_mutex_;
  std::string error_;
  std::thread thread_;
};

}  // namespace pawl
