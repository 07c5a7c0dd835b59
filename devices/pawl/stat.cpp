// SPDX-License-Identifier: Apache-2.0
// pawl stat: how the queues of a device are, as a table or as JSON.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "devices/no_device.hpp"
#include "devices/numbers.hpp"
#include "devices/pawl/commands.hpp"
#include "devices/pawl/stat_query.hpp"

namespace pawl::devices {
namespace {

using namespace std::chrono_literals;

constexpr auto answer_deadline = 5s;
constexpr auto refresh_every = 1s;

struct Column {
  const char* title;
  const char* key;
};
constexpr Column columns[] = {
    {"QUEUE", "name"},      {"READY", "ready"},
    {"LEASED", "leased"},   {"DELAYED", "delayed"},
    {"DEAD", "dead"},       {"ACCEPTED", "accepted"},
    {"ACKED", "acked"},     {"RETRIED", "retried"},
    {"EXPIRED", "expired"}, {"REFUSED", "refused"},
    {"WORKERS", "workers"}, {"PRODUCERS", "producers"},
    {"BYTES", "bytes"},     {"OLDEST", "oldest_ready_age_s"},
};

std::string cell(const Json& queue, const Column& column) {
  const auto found = queue.find(column.key);
  if (found == queue.end()) return "-";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_number()) return "-";
  const std::string number =
      with_separators(static_cast<std::uint64_t>(std::max(0.0, found->get<double>())));
  return std::string_view(column.key) == "oldest_ready_age_s" ? number + " s" : number;
}

void append_padded(std::string& text, const std::string& value, std::size_t width, bool left) {
  const std::string padding(width - std::min(width, value.size()), ' ');
  text += left ? value + padding : padding + value;
}

std::string table_of(const Json& stat) {
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns) rows[0].emplace_back(column.title);
  for (const Json& queue : stat["queues"]) {
    auto& row = rows.emplace_back();
    for (const Column& column : columns) row.push_back(cell(queue, column));
  }
  std::vector<std::size_t> widths(std::size(columns), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& [key, value] : stat["device"].items()) {
    text += (text.empty() ? "" : "  ") + key + " " +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  text += text.empty() ? "" : "\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != 0) text += "  ";
      append_padded(text, row[i], widths[i], i == 0);
    }
    text += '\n';
  }
  return text;
}

// Asks and prints once; false if there was no answer.
bool show(const StatArguments& arguments) {
  const auto stat = query_stat(arguments.endpoint, answer_deadline);
  if (!stat) {
    const std::string why = stat.fault().code == Code::gone
                                ? no_device_at(arguments.endpoint, ", no answer in 5 s")
                                : arguments.endpoint + ": " + stat.fault().text;
    std::fprintf(stderr, "pawl stat: %s\n", why.c_str());
    return false;
  }
  const std::string text = arguments.json ? stat->dump() + "\n" : table_of(*stat);
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
