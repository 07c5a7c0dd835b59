// SPDX-License-Identifier: Apache-2.0
// A production hub (machine and turn) over a store that fails, on a virtual clock, whose peers are
// a run's bytes. After every event its invariants are looked at, and everything that it says must
// be a message that a peer takes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "patterns/hub/turn.hpp"
#include "tests/fuzz/support/messages.hpp"

namespace pawl::fuzzing {

class HubUnderFuzz {
 public:
  // `entropy_seed`: two hubs over one store must not hand out the same tokens.
  HubUnderFuzz(HubConfig config, Store& store, Now now, std::uint64_t entropy_seed);

  // A Fault: the rows were refused. Else the hub is up.
  Fault start(const std::string& machine_boot);
  void drop();
  bool is_up() const { return machine_ != nullptr; }

  void say(const std::string& connection, std::vector<std::byte> header,
           std::vector<Slice> frames = {});
  void say(const std::string& connection, const protocol::Message& message,
           std::vector<Slice> frames = {});
  void unreachable(const std::string& connection);
  void socket_lost();
  void advance(Duration by);
  // Turns until nothing moves. False: the store failed, and the machine is gone.
  bool turn();

  // False: a row may say of a chunk what is not so, and DELIVER would repeat it.
  void trusts_rows(bool trusts) { trusts_rows_ = trusts; }

  HubMachine& machine() { return *machine_; }
  Now now() const { return now_; }
  const Heard& heard() const { return heard_; }
  std::size_t bytes_told() const { return bytes_told_; }
  const std::string& failure() const { return failure_; }

 private:
  void check_said(const RoutedMessage& message);

  HubConfig config_;
  Store& store_;
  SeededEntropy entropy_;
  Now now_;
  std::unique_ptr<HubMachine> machine_;
  std::optional<Turn> turn_;
  std::string failure_;
  bool trusts_rows_ = true;
  Heard heard_;
  std::size_t bytes_told_ = 0;
};

}  // namespace pawl::fuzzing
