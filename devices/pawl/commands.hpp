// SPDX-License-Identifier: Apache-2.0
// pawl's commands as plain functions of what was asked. Each returns the exit code: 0 only when
// everything that was asked for was done.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/signals.hpp"

namespace pawl::devices {

inline constexpr const char* default_endpoint = "tcp://127.0.0.1:7295";

// What becomes of a send that the device holds back: its queue or its disk is full.
enum class OnFull : std::uint8_t { wait, fail };

struct SendArguments {
  std::string endpoint = default_endpoint;
  std::string queue{};
  std::string file{};  // empty: stdin
  bool null_separated = false;
  std::vector<std::string> headers{};  // "NAME=VALUE"
  std::string producer{};              // empty: anonymous
  bool durable = false;
  std::chrono::milliseconds wait{30'000};  // for an absent device
  OnFull on_full = OnFull::wait;
};
int send(const SendArguments& arguments, const Signals& signals);

struct WorkArguments {
  std::string endpoint = default_endpoint;
  std::string queue{};
  std::string command{};  // empty: print
  std::uint32_t concurrency = 1;
  std::uint32_t prefetch = 0;              // 0: as many as fit
  std::uint64_t count = 0;                 // 0: no end
  std::chrono::milliseconds idle_exit{0};  // 0: never
};
int work(const WorkArguments& arguments, const Signals& signals);

struct StatArguments {
  std::string endpoint = default_endpoint;
  bool json = false;
  bool watch = false;
};
int stat(const StatArguments& arguments, const Signals& signals);

}  // namespace pawl::devices
