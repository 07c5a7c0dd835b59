// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stat_numbers.hpp"

#include "core/chunk/pack_cursor.hpp"

namespace pawl::testing {
namespace {

constexpr int depth_max = 8;

}  // namespace

std::map<std::string, std::uint64_t, std::less<>> stat_numbers(Bytes page, std::string_view queue) {
  std::map<std::string, std::uint64_t, std::less<>> numbers;
  PackCursor in(page);
  std::uint32_t pairs = 0, rows = 0;
  std::string_view key;
  in.read_map(pairs);
  in.read_text(key);
  in.skip(depth_max);
  in.read_text(key);
  in.read_array(rows);
  for (std::uint32_t row = 0; row < rows; ++row) {
    std::uint32_t fields = 0;
    std::string_view name;
    in.read_map(fields);
    in.read_text(key);
    in.read_text(name);
    for (std::uint32_t i = 1; i < fields; ++i) {
      std::uint64_t value = 0;
      in.read_text(key);
      if (!in.read_uint(value)) in.skip(depth_max);
      if (name == queue) numbers[std::string(key)] = value;
    }
  }
  return numbers;
}

}  // namespace pawl::testing
