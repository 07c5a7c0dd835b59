// SPDX-License-Identifier: Apache-2.0
// pawl: send, work and look, from a shell. Exit codes: 0 everything asked was done, 1 not, 2 a
// mistake in the command line, 128 + N ended by signal N.
#include <cstdio>
#include <exception>

#include <pawl/errors.hpp>

#include "devices/config.hpp"
#include "devices/duration.hpp"
#include "devices/pawl/commands.hpp"

namespace pawl::devices {

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

}  // namespace pawl::devices

int main(int argc, char** argv) {
  CLI::App app{"Sends to, works on and looks at queues of messages.", "pawl"};
  app.set_version_flag("--version", "pawl " PAWL_VERSION);
  app.require_subcommand(1);
  pawl::devices::Command chosen;
  pawl::devices::add_send(app, chosen);
  pawl::devices::add_work(app, chosen);
  pawl::devices::add_stat(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    const pawl::devices::Signals signals;
    return chosen(signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pawl: %s\n", error.what());
    return 1;
  }
}
