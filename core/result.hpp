// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or the Fault that says why there is none. C++20 has no std::expected.
#pragma once

#include <utility>
#include <variant>

#include "core/check.hpp"
#include "core/codes.hpp"

namespace pawl {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT: implicit by design
  Result(Fault fault) : state_(std::move(fault)) {}  // NOLINT: implicit by design

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  T& value() {
    PAWL_CHECK(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    PAWL_CHECK(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  const Fault& fault() const {
    PAWL_CHECK(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Fault> state_;
};

}  // namespace pawl
