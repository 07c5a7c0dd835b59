// SPDX-License-Identifier: Apache-2.0
// A message with more than a body.
#pragma once

#include <concepts>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace pawl {

using Headers = std::map<std::string, std::string>;

// Bounds: body ≤ 1 MiB (a queue's policy may lower it), key and headers together ≤ 64 KiB, at most
// 64 headers.
struct Message {
  std::string body{};  // any bytes
  Headers headers{};   // carried untouched; the hub never reads them
  std::string key{};   // reserved for ordered delivery by key; carried untouched
};

// How a value of type T becomes a body and back. Include <pawl/msgpack.hpp> for everything that has
// MSGPACK_DEFINE; specialise BodyCodec<YourType, void> for an encoding of your own.
template <class T, class Enable = void>
struct BodyCodec {
  template <class>
  static constexpr bool included = false;
  static_assert(included<T>, "typed messages need #include <pawl/msgpack.hpp>");
};

namespace detail {
template <class T>
concept Raw = std::convertible_to<const T&, std::string_view> ||
    std::convertible_to<const T&, std::span<const std::byte>> || std::same_as<T, Message>;
}  // namespace detail

}  // namespace pawl
