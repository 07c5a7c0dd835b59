// SPDX-License-Identifier: Apache-2.0
// pawl-queue: a hub, a configuration file and words. Exit codes: 0 stopped as asked, 1 could not
// start or ended by itself, 2 a mistake in the command line or the configuration file.
#include <malloc.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "devices/command_line.hpp"
#include "devices/config.hpp"
#include "devices/pawl_queue/notify.hpp"
#include "devices/signals.hpp"

namespace {

using namespace std::chrono_literals;
using pawl::devices::refuse_missing;
using pawl::devices::Signals;

constexpr int mistake = 2;
// Twice what a busy device was seen to take; a gigabyte more of nobody's is a stranger's.
constexpr std::uint64_t resident_bytes_max = 1 << 30;
constexpr auto stop_deadline = 1500ms;  // leaves half a second of the promised two for the rest

struct Arguments {
  std::string config;
  std::vector<std::string> endpoints;
  std::string data;
  bool memory = false;
  std::string log_level = "info";
  bool strict = false;
  bool open = false;
};

void describe(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", "pawl-queue " PAWL_VERSION);
  app.add_option("--config", arguments.config, "TOML: [hub], [defaults], [queue.NAME]")
      ->type_name("FILE")
      ->check(refuse_missing);
  app.add_option("--bind", arguments.endpoints,
                 "where to listen; may be repeated; tcp://127.0.0.1:7295 if not given")
      ->type_name("ENDPOINT")
      ->check(pawl::devices::refuse_bad_bind)
      ->allow_extra_args(false);
  auto* data = app.add_option("--data", arguments.data, "where to keep messages (./pawl-data)")
                   ->type_name("DIR")
                   ->check(refuse_missing);
  app.add_flag("--memory", arguments.memory, "keep messages in memory only")->excludes(data);
  app.add_option("--log-level", arguments.log_level, "how much to say on stderr")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_flag("--strict", arguments.strict, "refuse queues that the configuration does not name");
  app.add_flag("--open", arguments.open,
               "allow addresses that strangers can reach: there is no admission");
}

spdlog::level::level_enum spdlog_level(pawl::LogLevel level) {
  switch (level) {
    case pawl::LogLevel::debug: return spdlog::level::debug;
    case pawl::LogLevel::info: return spdlog::level::info;
    case pawl::LogLevel::warning: return spdlog::level::warn;
    case pawl::LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

pawl::HubOptions hub_options(const Arguments& arguments) {
  pawl::HubOptions options;
  options.resident_bytes_max = resident_bytes_max;
  options.log = [](pawl::LogLevel level, std::string_view sentence) {
    spdlog::log(spdlog_level(level), sentence);
  };
  if (!arguments.config.empty()) pawl::devices::read_config_file(arguments.config, options);
  if (!arguments.endpoints.empty()) options.endpoints = arguments.endpoints;
  if (!arguments.memory) {
    options.data_directory = arguments.data.empty() ? "pawl-data" : arguments.data;
  }
  for (const std::string& endpoint : options.endpoints) {
    if (!endpoint.starts_with("inproc:")) continue;
    throw pawl::HubError("endpoint " + endpoint +
                         " is only for threads of one process: a device is bound to tcp or ipc");
  }
  options.strict = arguments.strict;
  options.open = arguments.open;
  return options;
}

void start_logging(const std::string& level) {
  auto logger = spdlog::stderr_color_mt("pawl-queue");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void say_ready(const Arguments& arguments, const pawl::HubOptions& options, const pawl::Hub& hub,
               std::chrono::milliseconds recovery) {
  std::string words = "ready: pawl-queue " PAWL_VERSION " at";
  for (const std::string& endpoint : hub.endpoints()) words += ' ' + endpoint;
  words += ", data " + (options.data_directory.empty() ? "in memory" : options.data_directory);
  words += ", config " + (arguments.config.empty() ? "none" : arguments.config);
  words += ", recovered in " + std::to_string(recovery.count()) + " ms";
  spdlog::info(words);
  // A port that was left to the system is printed for scripts, alone on a line.
  for (std::size_t i = 0; i < options.endpoints.size() && i < hub.endpoints().size(); ++i) {
    if (options.endpoints[i] == hub.endpoints()[i]) continue;
    std::puts(hub.endpoints()[i].c_str());
  }
  std::fflush(stdout);
  pawl::devices::notify_supervisor("READY=1");
}

// Until a signal, or until the hub ends by itself.
int serve(pawl::Hub& hub, const Signals& signals) {
  pollfd watched[] = {{signals.fd(), POLLIN, 0}, {hub.ended_fd(), POLLIN, 0}};
  for (;;) {
    if (poll(watched, 2, -1) < 0) continue;  // EINTR: a debugger came or went
    if (watched[1].revents != 0) {
      spdlog::critical("ended: " + hub.error());
      return 1;
    }
    if (signals.take() != 0) break;
  }
  spdlog::info("stopping");
  pawl::devices::notify_supervisor("STOPPING=1");
  if (!hub.stop(stop_deadline)) spdlog::warn("stopped before every peer had been told");
  spdlog::info("stopped");
  return 0;
}

int run(const Arguments& arguments) {
  const Signals signals;
  start_logging(arguments.log_level);
  const pawl::HubOptions options = hub_options(arguments);
  const auto begun = std::chrono::steady_clock::now();
  pawl::Hub hub(options);
  const auto recovery = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  say_ready(arguments, options, hub, recovery);
  return serve(hub, signals);
}

// Bodies are allocated by libzmq's thread and freed by whoever is done with them. With an arena for
// each of the device's threads each keeps what it was given back: a tenth to a third more memory,
// and not one message more a second.
void share_arenas() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 2);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  pawl::devices::open_standard_descriptors();
  share_arenas();
  CLI::App app{"Keeps queues of messages for producers and workers.", "pawl-queue"};
  Arguments arguments;
  describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) != 0) return mistake;
    return std::cout.flush() ? 0 : 1;
  }
  try {
    return run(arguments);
  } catch (const pawl::devices::ConfigError& error) {
    std::fprintf(stderr, "pawl-queue: %s\n", error.what());
    return mistake;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pawl-queue: %s\n", error.what());
    return 1;
  }
}
