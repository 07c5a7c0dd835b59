// SPDX-License-Identifier: Apache-2.0
#include "core/protocol/field_reader.hpp"

#include <cstring>

#include "core/chunk/text.hpp"
#include "core/limits.hpp"

namespace pawl::protocol {

namespace {

constexpr std::uint64_t optional_from = 64;
// Header array, its map, and so two levels are left for a field's value.
constexpr std::size_t value_depth_max = limits::header_depth_max - 2;

std::string bounds(std::uint64_t min, std::uint64_t max) {
  if (max == u64_max) return "at least " + std::to_string(min);
  return std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

void FieldReader::refuse(const std::string& what, Code code) {
  if (!good()) return;
  std::string where(name_of(command_));
  if (field_ != u64_max) where += " field " + std::to_string(field_);
  if (row_ != no_row) where += ", row " + std::to_string(row_);
  fault_ = {code, where + ": " + what};
}

bool FieldReader::begin() {
  if (!cursor_.read_map(fields_left_)) {
    refuse("the third element must be a map of fields that ends within the frame");
  } else if (fields_left_ > limits::header_fields_max) {
    refuse(std::to_string(fields_left_) + " fields, at most " +
           std::to_string(limits::header_fields_max) + " are allowed");
  }
  return good();
}

bool FieldReader::next_field() {
  if (!good() || fields_left_ == 0) return false;
  --fields_left_;
  const std::uint64_t previous = field_;
  if (!cursor_.read_uint(field_)) {
    field_ = previous;
    refuse("the next field's number is not an unsigned integer");
    return false;
  }
  if (field_ < optional_from) {
    if (has(field_)) refuse("stands twice");
    seen_ |= std::uint64_t{1} << field_;
  }
  return good();
}

void FieldReader::unknown_field() {
  if (field_ < optional_from) {
    refuse("is not defined; only fields from 64 on may be unknown");
  } else if (!cursor_.skip(value_depth_max)) {
    refuse("its value is cut short, not MessagePack, or nested too deep");
  }
}

void FieldReader::finish() {
  field_ = u64_max;
  if (good() && !cursor_.at_end()) {
    refuse(std::to_string(cursor_.left()) + " bytes after the last field");
  }
}

void FieldReader::require(std::uint64_t field, const char* name) {
  if (has(field)) return;
  field_ = field;
  refuse(std::string(name) + " is missing");
}

void FieldReader::refuse_number(const char* name, std::optional<std::uint64_t> value,
                                std::uint64_t min, std::uint64_t max) {
  if (!value) return refuse(std::string(name) + " must be an unsigned integer");
  refuse(std::string(name) + " is " + std::to_string(*value) + ", allowed is " + bounds(min, max));
}

std::int64_t FieldReader::instant(const char* name) {
  return static_cast<std::int64_t>(number(name, 0, u63_max));
}

bool FieldReader::boolean(const char* name) {
  bool value = false;
  if (may_read() && !cursor_.read_bool(value)) {
    refuse(std::string(name) + " must be true or false");
  }
  return value;
}

std::string_view FieldReader::text(const char* name, std::size_t bytes_max) {
  std::string_view value;
  if (!may_read()) return {};
  if (!cursor_.read_text(value)) {
    refuse(std::string(name) + " must be a str");
  } else if (value.size() > bytes_max) {
    refuse(std::string(name) + " has " + std::to_string(value.size()) + " bytes, at most " +
           std::to_string(bytes_max) + " are allowed");
  } else if (!is_utf8(value)) {
    refuse(std::string(name) + " is not UTF-8");
  }
  return good() ? value : std::string_view{};
}

Bytes16 FieldReader::bytes16(const char* name) {
  Bytes16 value{};
  Bytes bytes;
  if (!may_read()) return value;
  if (!cursor_.read_binary(bytes) || bytes.size() != value.size()) {
    refuse(std::string(name) + " must be a bin of 16 bytes");
  } else {
    std::memcpy(value.data(), bytes.data(), value.size());
  }
  return value;
}

bool FieldReader::nil() {
  if (!good() || !cursor_.read_nil()) return false;
  if (columns_left_ > 0) --columns_left_;
  return true;
}

Code FieldReader::code(const char* name, bool ok_allowed) {
  const std::uint64_t value = number(name, 0, u64_max);
  // A number that is not defined yet is kept: its hundred says how to behave.
  const bool known = (value >= 100 && value <= 399) || (ok_allowed && value == 0);
  if (good() && !known) {
    refuse(std::string(name) + " " + std::to_string(value) + " is no code; codes are 100 to 399");
  }
  return known ? static_cast<Code>(value) : Code::bad_frame;
}

std::size_t FieldReader::begin_rows(const Shape& shape) {
  std::uint32_t count = 0;
  if (!good()) return 0;
  if (!cursor_.read_array(count)) {
    refuse(std::string(shape.name) + " must be an array that ends within the frame");
  } else if (count < shape.rows_min || count > shape.rows_max) {
    refuse(std::to_string(count) + " " + shape.name + ", allowed are " +
           bounds(shape.rows_min, shape.rows_max));
  } else if (shape.columns > 0 && count * (1 + shape.columns - shape.optional) > cursor_.left()) {
    refuse(std::string(shape.name) + ": the frame has no room for " + std::to_string(count));
  }
  return good() ? count : 0;
}

bool FieldReader::begin_row(const Shape& shape) {
  std::uint32_t columns = 0;
  const std::size_t least = shape.columns - shape.optional;
  if (!cursor_.read_array(columns) || columns < least || columns > shape.columns) {
    refuse(std::string(shape.name) + ": a row must be an array of " +
           (least == shape.columns ? "" : std::to_string(least) + " to ") +
           std::to_string(shape.columns));
  }
  columns_left_ = columns;
  return good();
}

void FieldReader::numbers(std::vector<std::uint64_t>& numbers, const Shape& shape,
                          std::uint64_t min) {
  const std::size_t count = begin_rows(shape);
  numbers.reserve(count);
  for (row_ = 0; good() && row_ < static_cast<int>(count); ++row_) {
    numbers.push_back(number(shape.name, min, u64_max));
  }
  if (good()) row_ = no_row;
}

void FieldReader::refuse_sum(const char* name, std::uint64_t from, std::uint64_t length) {
  refuse(std::string(name) + " " + std::to_string(from) + " + " + std::to_string(length) +
         " passes 2^63 - 1");
}

}  // namespace pawl::protocol
