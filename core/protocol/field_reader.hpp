// SPDX-License-Identifier: Apache-2.0
// FieldReader: the values of one header, read in order, each checked against its range. The first
// thing that is wrong is kept as the Fault; from then on every read gives nothing, so that the code
// of a command reads straight through without asking after each field.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/chunk/pack_cursor.hpp"
#include "core/protocol/messages.hpp"
#include "core/result.hpp"

namespace pawl::protocol {

inline constexpr std::uint64_t u32_max = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint64_t u63_max = std::numeric_limits<std::int64_t>::max();
inline constexpr std::uint64_t u64_max = std::numeric_limits<std::uint64_t>::max();

class FieldReader {
 public:
  FieldReader(Bytes body, Command command) : cursor_(body), command_(command) {}

  // The map's header, then next_field() until it is false; finish() last.
  bool begin();
  bool next_field();
  void finish();
  std::uint64_t field() const { return field_; }
  bool has(std::uint64_t field) const { return (seen_ >> field & 1) != 0; }
  // For fields that must be there.
  void require(std::uint64_t field, const char* name);

  // One value each. `name` is said in the Fault.
  std::uint64_t number(const char* name, std::uint64_t min, std::uint64_t max) {
    std::uint64_t value = 0;
    if (!may_read()) return min;
    const bool is_number = cursor_.read_uint(value);
    if (is_number && value >= min && value <= max) [[likely]]
      return value;
    refuse_number(name, is_number ? std::optional(value) : std::nullopt, min, max);
    return min;
  }
  std::uint32_t number32(const char* name, std::uint32_t min = 0) {
    return static_cast<std::uint32_t>(number(name, min, u32_max));
  }
  std::int64_t instant(const char* name);
  bool boolean(const char* name);
  std::string_view text(const char* name, std::size_t bytes_max);
  Bytes16 bytes16(const char* name);
  // Steps over a nil that stands in place of the next value.
  bool nil();
  Code code(const char* name, bool ok_allowed);
  template <class Enum>
  Enum one_of(const char* name, Enum first, Enum last) {
    const std::uint64_t value = number(name, 0, u64_max);
    const bool known =
        value >= static_cast<std::uint64_t>(first) && value <= static_cast<std::uint64_t>(last);
    if (good() && !known)
      refuse(std::string(name) + " " + std::to_string(value) + " is not defined");
    return known ? static_cast<Enum>(value) : first;
  }

  // A list of rows, each an array of `columns` values of which the last `optional` may be left out.
  // Memory is taken for no more rows than the frame has bytes for.
  struct Shape {
    const char* name;
    std::size_t rows_min;
    std::size_t rows_max;
    std::size_t columns;
    std::size_t optional = 0;
  };
  template <class Row, class ReadRow>
  void rows(std::vector<Row>& rows, const Shape& shape, ReadRow read_row) {
    const std::size_t count = begin_rows(shape);
    rows.reserve(count);
    for (row_ = 0; good() && row_ < static_cast<int>(count); ++row_) {
      if (begin_row(shape)) rows.push_back(read_row(*this));
    }
    if (good()) row_ = no_row;
  }
  // A list of plain numbers.
  void numbers(std::vector<std::uint64_t>& numbers, const Shape& shape, std::uint64_t min);
  // Within a row: whether there is one more column.
  bool more_columns() { return good() && columns_left_ > 0; }

  // offset + length and the like must not pass 2^63 − 1.
  void sum_fits(const char* name, std::uint64_t from, std::uint64_t length) {
    if (from > u63_max || length > u63_max - from) refuse_sum(name, from, length);
  }

  bool good() const { return fault_.code == Code::ok; }
  void refuse(const std::string& what, Code code = Code::bad_frame);
  // A field below 64 that this command does not have; from 64 on it is stepped over.
  void unknown_field();
  const Fault& fault() const { return fault_; }

 private:
  static constexpr int no_row = -1;
  void refuse_number(const char* name, std::optional<std::uint64_t> value, std::uint64_t min,
                     std::uint64_t max);
  void refuse_sum(const char* name, std::uint64_t from, std::uint64_t length);
  std::size_t begin_rows(const Shape& shape);
  bool begin_row(const Shape& shape);
  // Before each value: nothing is read after a Fault, and a row gives no more than its columns.
  bool may_read() {
    if (columns_left_ > 0) --columns_left_;
    return good();
  }

  PackCursor cursor_;
  Command command_;
  Fault fault_;
  std::uint32_t fields_left_ = 0;
  std::uint64_t field_ = u64_max;  // none yet
  std::uint64_t seen_ = 0;         // one bit a field below 64
  int row_ = no_row;
  std::size_t columns_left_ = 0;
};

}  // namespace pawl::protocol
