// SPDX-License-Identifier: Apache-2.0
// pawl's commands. Each adds its options to the command line and says what to run; what runs
// returns the exit code: 0 only when everything that was asked for was done.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include <pawl/message.hpp>

#include "devices/signals.hpp"

namespace pawl::devices {

inline constexpr const char* default_endpoint = "tcp://127.0.0.1:7295";

using Command = std::function<int(const Signals&)>;

void add_send(CLI::App& app, Command& chosen);
void add_work(CLI::App& app, Command& chosen);
void add_stat(CLI::App& app, Command& chosen);

// Options that read "10s" and the like, and names of queues and producers.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& into,
                          const std::string& words);
CLI::Option* add_name(CLI::App& app, const std::string& name, std::string& into,
                      const std::string& words);

}  // namespace pawl::devices
