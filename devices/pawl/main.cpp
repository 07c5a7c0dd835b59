// SPDX-License-Identifier: Apache-2.0
// pawl: send, work and look, from a shell. Exit codes: 0 everything asked was done, 1 not, 2 a
// mistake in the command line, 128 + N ended by signal N.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>

#include "devices/command_line.hpp"
#include "devices/duration.hpp"
#include "devices/pawl/commands.hpp"

namespace pawl::devices {
namespace {

using Command = std::function<int(const Signals&)>;

constexpr const char* queue_words =
    "the queue, made at first use; a name over 123 characters has no room for NAME.dead and needs "
    "a configured dead_letter";
constexpr std::uint64_t concurrency_max = 1024;
constexpr std::uint64_t prefetch_max = 1'000'000;
constexpr std::uint64_t count_max = 1'000'000'000'000;

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds least,
                          std::chrono::milliseconds& into, const std::string& words) {
  const auto read = [&into, name, least](const std::string& text) {
    const auto value = parse_duration(text);
    if (!value) {
      throw CLI::ValidationError(
          name, quoted(text).append(" is no span: expected ").append(duration_form));
    }
    if (*value < least) {
      throw CLI::ValidationError(name, quoted(text) + " is too short: at least " +
                                           std::to_string(least.count()) + "ms; or leave it out");
    }
    into = *value;
  };
  return app.add_option_function<std::string>(name, read, words)->type_name("DURATION");
}

// A whole number from 1 to `most`.
template <class Integer>
CLI::Option* add_count(CLI::App& app, const std::string& name, std::uint64_t most, Integer& into,
                       const std::string& words) {
  const auto read = [&into, name, most](const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = failed == std::errc() && end == text.data() + text.size();
    if (!whole || value < 1 || value > most) {
      throw CLI::ValidationError(name, quoted(text) + " is not allowed: a whole number from 1 to " +
                                           std::to_string(most) + "; or leave it out");
    }
    into = static_cast<Integer>(value);
  };
  return app.add_option_function<std::string>(name, read, words)->type_name("N");
}

CLI::Option* add_name(CLI::App& app, const std::string& name, std::string& into,
                      const std::string& words) {
  return app.add_option(name, into, words)->type_name("NAME")->check(refuse_bad_name);
}

CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& into,
                      const std::string& type, const std::string& words) {
  return app.add_option(name, into, words)->type_name(type)->check(refuse_missing);
}

void add_endpoint(CLI::App& app, const std::string& name, std::string& into) {
  app.add_option(name, into, "the device")
      ->type_name("ENDPOINT")
      ->check(refuse_bad_endpoint)
      ->capture_default_str();
}

void add_send(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<SendArguments>();
  CLI::App& send_app = *app.add_subcommand("send", "Send one message for each line of the input");
  add_endpoint(send_app, "--to", arguments->endpoint);
  add_name(send_app, "--queue", arguments->queue, queue_words)->required();
  add_text(send_app, "--file", arguments->file, "FILE", "the input; stdin if not given");
  send_app.add_flag("--null", arguments->null_separated,
                    "messages end with a NUL byte, not a newline");
  send_app
      .add_option("--header", arguments->headers, "a header for every message; may be repeated")
      ->type_name("K=V")
      ->allow_extra_args(false);
  add_name(send_app, "--producer", arguments->producer,
           "a name under which the same input may be sent again without adding anything twice");
  send_app.add_flag("--durable", arguments->durable,
                    "only a device that syncs to disk before it confirms will do");
  add_duration(send_app, "--wait", std::chrono::milliseconds(0), arguments->wait,
               "how long to wait for an absent device (30s)");
  const auto read_on_full = [arguments](const std::string& text) {
    if (text != "wait" && text != "fail") {
      throw CLI::ValidationError("--on-full", quoted(text) + " is not allowed: wait or fail");
    }
    arguments->on_full = text == "wait" ? OnFull::wait : OnFull::fail;
  };
  send_app
      .add_option_function<std::string>(
          "--on-full", read_on_full,
          "what to do while the device holds back, since the queue or the disk is full: wait, or "
          "fail after a second (wait)")
      ->type_name("wait|fail");
  send_app.callback([arguments, &chosen] {
    chosen = [arguments](const Signals& signals) { return send(*arguments, signals); };
  });
}

void add_work(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<WorkArguments>();
  CLI::App& work_app =
      *app.add_subcommand("work", "Take messages: print each, or run a command over it");
  add_endpoint(work_app, "--from", arguments->endpoint);
  add_name(work_app, "--queue", arguments->queue, queue_words)->required();
  auto* exec = add_text(
      work_app, "--exec", arguments->command, "CMD",
      "run by /bin/sh -c, the body on its stdin; exit 0 acks, 65 rejects, 75 returns (later "
      "each time, dead after the queue's handouts_max), anything else is a "
      "failure to be tried again; ended after the queue's handler_timeout");
  add_count(work_app, "--concurrency", concurrency_max, arguments->concurrency,
            "commands at once (1)")
      ->needs(exec);
  add_count(work_app, "--prefetch", prefetch_max, arguments->prefetch, "messages to keep at hand");
  add_count(work_app, "--count", count_max, arguments->count, "end after so many were settled");
  add_duration(work_app, "--idle-exit", std::chrono::milliseconds(1), arguments->idle_exit,
               "end when nothing came for so long");
  work_app.callback([arguments, &chosen] {
    chosen = [arguments](const Signals& signals) { return work(*arguments, signals); };
  });
}

void add_stat(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<StatArguments>();
  CLI::App& stat_app = *app.add_subcommand("stat", "Show how the queues of a device are");
  add_endpoint(stat_app, "--at", arguments->endpoint);
  stat_app.add_flag("--json", arguments->json, "one JSON document (a line for each with --watch)");
  stat_app.add_flag("--watch", arguments->watch, "again every second, until Ctrl-C");
  stat_app.callback([arguments, &chosen] {
    chosen = [arguments](const Signals& signals) { return stat(*arguments, signals); };
  });
}

}  // namespace

int main_of_pawl(int argc, char** argv) {
  open_standard_descriptors();
  CLI::App app{"Sends to, works on and looks at queues of messages.", "pawl"};
  app.set_version_flag("--version", "pawl " PAWL_VERSION);
  app.require_subcommand(1);
  Command chosen;
  add_send(app, chosen);
  add_work(app, chosen);
  add_stat(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool mistaken = app.exit(error) != 0;
    if (mistaken && app.get_subcommands().empty()) {
      std::fputs("The commands are send, work and stat.\n", stderr);
    }
    if (mistaken) return 2;
    return std::cout.flush() ? 0 : 1;
  }
  try {
    const Signals signals;
    return chosen(signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pawl: %s\n", error.what());
    return 1;
  }
}

}  // namespace pawl::devices

int main(int argc, char** argv) {
  return pawl::devices::main_of_pawl(argc, argv);
}
