// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/stat_table.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/chunk/text.hpp"
#include "devices/numbers.hpp"

namespace pawl::devices {
namespace {

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

// A double has every whole number up to this; a hub's counters end there long before.
constexpr double number_max = 9007199254740992.0;
constexpr std::size_t cell_bytes_max = 128;

std::string as_text(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string cell(const Json& queue, const Column& column) {
  const auto found = queue.find(column.key);
  if (found == queue.end()) return "-";
  if (found->is_string()) return printable(found->get<std::string>());
  if (!found->is_number()) return "-";
  const auto value = found->get<double>();
  const double shown = value > 0 ? std::min(value, number_max) : 0;  // 0 for what is no number, too
  const std::string number = with_separators(static_cast<std::uint64_t>(shown));
  return std::string_view(column.key) == "oldest_ready_age_s" ? number + " s" : number;
}

void append_padded(std::string& text, const std::string& value, std::size_t width, bool left) {
  const std::string padding(width - std::min(width, value.size()), ' ');
  text += left ? value + padding : padding + value;
}

// The length of a character at `at` that steers: controls of ASCII and of Latin-1 (C2 80 … 9F), and
// those of the direction of text (U+202A … 2E, U+2066 … 69). 0: it is none.
std::size_t steering(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) < 0xa0) return 2;
  if (byte(0) != 0xe2) return 0;
  const bool turns = byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae;
  const bool isolates = byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
  return turns || isolates ? 3 : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  const std::string clean = clean_text(text, cell_bytes_max);
  std::string shown;
  for (std::size_t at = 0; at < clean.size();) {
    const std::size_t length = steering(clean, at);
    shown += length == 0 ? clean[at] : '?';
    at += std::max<std::size_t>(length, 1);
  }
  return shown;
}

std::string json_line(const Json& stat) {
  return as_text(stat) + '\n';
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
    text += (text.empty() ? "" : "  ") + printable(key) + " " +
            printable(value.is_string() ? value.get<std::string>() : as_text(value));
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

}  // namespace pawl::devices
