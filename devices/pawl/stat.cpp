// SPDX-License-Identifier: Apache-2.0
// pawl stat: how the queues of a device are, as a table or as JSON.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "devices/no_device.hpp"
#include "devices/pawl/commands.hpp"
#include "devices/pawl/stat_query.hpp"
#include "devices/pawl/stat_table.hpp"

namespace pawl::devices {
namespace {

using namespace std::chrono_literals;

constexpr auto answer_deadline = 5s;
constexpr auto refresh_every = 1s;

// Asks and prints once; false if there was no answer.
bool show(const StatArguments& arguments) {
  const auto stat = query_stat(arguments.endpoint, answer_deadline);
  if (!stat) {
    const std::string why = stat.fault().code == Code::gone
                                ? no_device_at(arguments.endpoint, ", no answer in 5 s")
                                : arguments.endpoint + ": " + printable(stat.fault().text);
    std::fprintf(stderr, "pawl stat: %s\n", why.c_str());
    return false;
  }
  const std::string text = arguments.json ? json_line(*stat) : table_of(*stat);
  if (arguments.watch && isatty(STDOUT_FILENO) == 1) std::fputs("\033[H\033[J", stdout);
  const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  if (!written) std::perror("pawl stat: stdout");
  return written;
}

}  // namespace

int stat(const StatArguments& arguments, const Signals& signals) {
  bool shown = show(arguments);
  while (arguments.watch && std::ferror(stdout) == 0) {
    pollfd watched{signals.fd(), POLLIN, 0};
    poll(&watched, 1, static_cast<int>(std::chrono::milliseconds(refresh_every).count()));
    if (signals.take() != 0) break;
    shown = show(arguments);
  }
  return shown ? 0 : 1;
}

}  // namespace pawl::devices
