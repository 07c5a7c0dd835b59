// SPDX-License-Identifier: Apache-2.0
// pawl: send, work and look, from a shell. Exit codes: 0 everything asked was done, 1 not, 2 a
// mistake in the command line, 128 + N ended by signal N.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>

#include "devices/config.hpp"
#include "devices/duration.hpp"
#include "devices/pawl/commands.hpp"

namespace pawl::devices {
namespace {

using Command = std::function<int(const Signals&)>;

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& into,
                          const std::string& words) {
  return app
      .add_option_function<std::string>(
          name,
          [&into, name](const std::string& text) {
            const auto value = parse_duration(text);
            if (!value) {
              throw CLI::ValidationError(name, std::string("expected ").append(duration_form));
            }
            into = *value;
          },
          words)
      ->type_name("DURATION");
}

CLI::Option* add_name(CLI::App& app, const std::string& name, std::string& into,
                      const std::string& words) {
  return app.add_option(name, into, words)->type_name("NAME")->check([](const std::string& text) {
    return is_name(text) ? std::string() : "a name is 1 to 128 of A-Z a-z 0-9 . _ -";
  });
}

void add_send(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<SendArguments>();
  CLI::App& send_app = *app.add_subcommand("send", "Send one message for each line of the input");
  send_app.add_option("--to", arguments->endpoint, "the device")
      ->type_name("ENDPOINT")
      ->capture_default_str();
  add_name(send_app, "--queue", arguments->queue, "the queue")->required();
  send_app.add_option("--file", arguments->file, "the input; stdin if not given")
      ->type_name("FILE");
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
  add_duration(send_app, "--wait", arguments->wait, "how long to wait for an absent device (30s)");
  send_app.callback([arguments, &chosen] {
    chosen = [arguments](const Signals& signals) { return send(*arguments, signals); };
  });
}

void add_work(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<WorkArguments>();
  CLI::App& work_app =
      *app.add_subcommand("work", "Take messages: print each, or run a command over it");
  work_app.add_option("--from", arguments->endpoint, "the device")
      ->type_name("ENDPOINT")
      ->capture_default_str();
  add_name(work_app, "--queue", arguments->queue, "the queue")->required();
  auto* exec = work_app
                   .add_option("--exec", arguments->command,
                               "run by /bin/sh -c, the body on its stdin; exit 0 acks, 65 rejects, "
                               "75 returns, anything else is a failure to be tried again")
                   ->type_name("CMD");
  work_app.add_option("--concurrency", arguments->concurrency, "commands at once")
      ->check(CLI::Range(1, 1024))
      ->needs(exec)
      ->capture_default_str();
  work_app.add_option("--prefetch", arguments->prefetch, "messages to keep at hand")
      ->check(CLI::Range(1, 1'000'000));
  work_app.add_option("--count", arguments->count, "end after so many were settled")
      ->check(CLI::PositiveNumber);
  add_duration(work_app, "--idle-exit", arguments->idle_exit, "end when nothing came for so long");
  work_app.callback([arguments, &chosen] {
    chosen = [arguments](const Signals& signals) { return work(*arguments, signals); };
  });
}

void add_stat(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<StatArguments>();
  CLI::App& stat_app = *app.add_subcommand("stat", "Show how the queues of a device are");
  stat_app.add_option("--at", arguments->endpoint, "the device")
      ->type_name("ENDPOINT")
      ->capture_default_str();
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
    return app.exit(error) == 0 ? 0 : 2;
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
