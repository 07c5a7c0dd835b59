// SPDX-License-Identifier: Apache-2.0
// Oracle: sees only what producers were told, what workers were handed and answered, and what is
// found among the dead letters; never the hub. Says which promise was broken, with the first thing
// that shows it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/chunk/meta.hpp"

namespace pawl::testing {

// "P:17" is the seventeenth message of the producer P; "A3:2" the second of the third life of an
// anonymous one. What workers do with it follows from the number alone.
enum class Fate : std::uint8_t { acked, acked_later, rejected, always_nacked, poison };
Fate fate_of(const std::string& body);

class Oracle {
 public:
  explicit Oracle(std::uint32_t max_attempts) : max_attempts_(max_attempts) {}

  void confirmed(const std::string& body, std::optional<std::uint64_t> offset);
  // In a DELIVER that reached a worker.
  void handed(const std::string& body, std::uint64_t offset);
  // Two workers believe at once that it is theirs.
  void held_by_two(const std::string& body, const std::string& who);
  void processed(const std::string& body) { ++of(body).processed; }
  void nacked(const std::string& body) { ++of(body).nacked; }
  void rejected(const std::string& body) { ++of(body).rejected; }
  // A worker died, or lost its session. What it had been handed, or was on its way to it, may be
  // blamed.
  void worker_lost() { ++workers_lost_; }
  void found_dead(const std::string& body, const Meta& meta);
  // After the network has healed and everything has come to rest.
  void at_rest(std::uint64_t chunks_left);
  void complain(const std::string& what);

  const std::string& fault() const { return fault_; }
  std::size_t confirmed_count() const { return confirmed_; }
  std::size_t processed_count() const;
  std::size_t processed_twice_count() const;
  std::size_t dead_count() const;

 private:
  struct Message {
    bool confirmed = false;
    std::optional<std::uint64_t> offset;
    std::uint32_t processed = 0, nacked = 0, rejected = 0, dead = 0;
  };
  Message& of(const std::string& body) { return messages_[body]; }
  void place(const std::string& body, std::uint64_t offset);

  std::uint32_t max_attempts_;
  std::map<std::string, Message> messages_;
  std::map<std::uint64_t, std::string> by_offset_;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>>
      orders_;  // producer: number, offset
  std::size_t confirmed_ = 0;
  std::uint64_t workers_lost_ = 0;
  std::string fault_;
};

}  // namespace pawl::testing
