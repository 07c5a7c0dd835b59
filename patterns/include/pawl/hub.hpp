// SPDX-License-Identifier: Apache-2.0
// A hub: queues over one store, served on any number of endpoints, in a thread of this process. A
// device is a hub and a main(); so is a program that hosts its own queue.
//
//   pawl::Hub hub{{.endpoints = {"inproc://orders"}}};             // in memory, default policies
//
// Lives in the target pawl::pawl (it brings the store); peers need pawl::client only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <pawl/connection.hpp>
#include <pawl/policy.hpp>

namespace pawl {

// Sessions and leases of a whole hub (docs/protocol.md, "Liveness").
struct HubTiming {
  std::chrono::milliseconds lease{10'000};  // L: a silent peer's messages are given to others after
                                            // lease + margin. ≥ 3 × beat.
  std::chrono::milliseconds beat{2'000};    // how often peers beat. ≥ 10 ms.
  std::chrono::milliseconds margin{500};    // the worker's belief ends before the hub's
};

struct HubOptions {
  // "tcp://127.0.0.1:7295", "ipc:///run/pawl", "inproc://name"; a tcp port may be "*".
  std::vector<std::string> endpoints{"tcp://127.0.0.1:7295"};
  // The store's directory. Empty: in memory, and confirms say so.
  std::string data_directory{};
  std::uint64_t memory_bytes_max = 1024ULL * 1024 * 1024;  // of a store in memory
  HubTiming timing{};
  QueuePolicy defaults{};  // of queues that are not named below
  std::map<std::string, QueuePolicy> queues{};
  bool strict = false;  // refuse queues that are not in `queues`
  bool open = false;    // allow wildcard addresses without admission
  // Resident memory of the whole process at which the socket is closed and bound anew (peers
  // resume): libzmq lets a stranger send a message of endless parts, which grows whatever is set.
  // For programs that are nothing but a hub. 0: no watch.
  std::uint64_t resident_bytes_max = 0;
  std::uint64_t seed = 0;  // of jitter; 0: from the kernel
  // Called on the hub's thread with sentences for a log: warnings of workers that died and messages
  // that went to the dead letters, an error when the store is reopened. Must not block.
  Log log{};
  void* context = nullptr;  // a libzmq context to share; null: the process's own
};

// What could not be started, and what to do about it.
class HubError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Hub {
 public:
  // Opens the store, recovers, binds, and serves from a thread of its own; throws HubError if any
  // of it cannot be done. When this returns, peers can connect.
  explicit Hub(HubOptions options);
  // stop() with its default.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // The endpoints as bound: a wildcard port is the port that was chosen.
  const std::vector<std::string>& endpoints() const;

  // Stops taking, commits, tells peers, closes the store; bounded by `deadline`. Idempotent, any
  // thread. False if the deadline cut it short (nothing that was confirmed is lost by that).
  bool stop(std::chrono::milliseconds deadline = std::chrono::milliseconds(1500));

  // Readable when the hub has ended by itself (an I/O error on sync); error() then says why. Any
  // thread.
  int ended_fd() const;
  std::string error() const;

  class Shell;  // pawl's own: defined in no header that is installed

 private:
  std::unique_ptr<Shell> shell_;
};

}  // namespace pawl
