// SPDX-License-Identifier: Apache-2.0
#include "devices/duration.hpp"

#include <charconv>
#include <limits>
#include <utility>

namespace pawl::devices {
namespace {

using Units = std::pair<std::string_view, std::uint64_t>;
constexpr Units spans[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Units sizes[] = {
    {"", 1},       {"B", 1},         {"kB", 1000},    {"MB", 1'000'000}, {"GB", 1'000'000'000},
    {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

// digits [ "." up to three digits ] unit, in whole units of the smallest; the product must fit.
template <std::size_t N>
std::optional<std::uint64_t> parse(std::string_view text, const Units (&units)[N]) {
  std::uint64_t whole = 0;
  const char* end = text.data() + text.size();
  auto [at, failed] = std::from_chars(text.data(), end, whole);
  if (failed != std::errc()) return std::nullopt;
  std::uint64_t thousandths = 0;
  if (at != end && *at == '.') {
    int digits = 0;
    for (++at; at != end && *at >= '0' && *at <= '9'; ++at, ++digits) {
      if (digits == 3) return std::nullopt;
      thousandths = thousandths * 10 + static_cast<std::uint64_t>(*at - '0');
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) thousandths *= 10;
  }
  const std::string_view unit(at, static_cast<std::size_t>(end - at));
  for (const auto& [name, factor] : units) {
    if (name != unit) continue;
    if (whole > (std::numeric_limits<std::int64_t>::max() >> 1) / factor) return std::nullopt;
    if (thousandths * factor % 1000 != 0) return std::nullopt;
    return whole * factor + thousandths * factor / 1000;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto count = parse(text, spans);
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*count));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse(text, sizes);
}

}  // namespace pawl::devices
