// SPDX-License-Identifier: Apache-2.0
#include "core/transport/endpoint.hpp"

#include <algorithm>
#include <charconv>

namespace pawl::transport {
namespace {

bool is_port(std::string_view text, bool to_bind) {
  if (text == "*") return to_bind;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  // 0 binds to a port of the system's choice, as "*" does.
  return is_number && port <= 65535 && (port > 0 || to_bind);
}

}  // namespace

Fault check_endpoint(const std::string& endpoint, bool to_bind) {
  const auto starts = [&](std::string_view scheme) {
    return endpoint.starts_with(scheme) && endpoint.size() > scheme.size();
  };
  if (starts("ipc://") || starts("inproc://")) return {};
  if (!starts("tcp://")) {
    return {Code::bad_name,
            "endpoint \"" + endpoint + "\": expected tcp://HOST:PORT, ipc://PATH or inproc://NAME"};
  }
  const std::size_t colon = endpoint.rfind(':');
  const bool has_host = colon > std::string_view("tcp://").size();
  if (has_host && is_port(std::string_view(endpoint).substr(colon + 1), to_bind)) return {};
  return {Code::bad_name, "endpoint \"" + endpoint +
                              "\": expected tcp://HOST:PORT with a port of 1 to " +
                              (to_bind ? "65535, or *" : "65535")};
}

bool is_ipv6(const std::string& endpoint) {
  return endpoint.starts_with("tcp://[");
}

}  // namespace pawl::transport
