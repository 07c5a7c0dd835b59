// SPDX-License-Identifier: Apache-2.0
// Spans and sizes as people write them, in options and in configuration files alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pawl::devices {

// "50ms", "10s", "1.5s", "5m", "2h", "1d"; "0" needs no unit. None for anything else: a bare number
// says nothing about its unit. What is finer than a millisecond is refused.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
inline constexpr std::string_view duration_form = "a span like \"50ms\", \"10s\", \"5m\" or \"2h\"";

// "512", "64KiB", "64MiB", "1GiB", or decimal "64kB", "64MB", "1GB".
std::optional<std::uint64_t> parse_size(std::string_view text);
inline constexpr std::string_view size_form = "bytes, as a number or like \"64KiB\" or \"2GiB\"";

}  // namespace pawl::devices
