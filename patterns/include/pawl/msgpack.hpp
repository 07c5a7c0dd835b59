// SPDX-License-Identifier: Apache-2.0
// Typed messages: anything that msgpack-cxx can pack (MSGPACK_DEFINE) is sent and read as itself.
// The only header of pawl that needs msgpack-cxx; define MSGPACK_NO_BOOST to use it without Boost.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <msgpack.hpp>

#include <pawl/errors.hpp>
#include <pawl/message.hpp>

namespace pawl {

template <class T>
struct BodyCodec<T, void> {
  // Packs `value` and hands the bytes to `use`; they live until it returns.
  template <class Use>
  static auto encode(const T& value, Use&& use) {
    thread_local msgpack::sbuffer buffer;
    buffer.clear();
    msgpack::pack(buffer, value);
    return use(std::as_bytes(std::span(buffer.data(), buffer.size())));
  }

  // Throws BadBody when the bytes are no T.
  static T decode(std::span<const std::byte> body) {
    try {
      return msgpack::unpack(reinterpret_cast<const char*>(body.data()), body.size())
          ->template as<T>();
    } catch (const std::exception& e) {
      throw BadBody(std::string("the body is not of the expected type: ") + e.what());
    }
  }
};

}  // namespace pawl
