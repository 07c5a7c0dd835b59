// SPDX-License-Identifier: Apache-2.0
#include "devices/no_device.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <string_view>

namespace pawl::devices {
namespace {

// Of tcp://HOST:PORT; of an IPv6 address without its brackets.
std::string host_of(std::string_view endpoint) {
  constexpr std::string_view tcp = "tcp://";
  if (!endpoint.starts_with(tcp)) return {};
  endpoint.remove_prefix(tcp.size());
  endpoint = endpoint.substr(0, endpoint.rfind(':'));
  if (endpoint.starts_with('[') && endpoint.ends_with(']')) {
    endpoint = endpoint.substr(1, endpoint.size() - 2);
  }
  return std::string(endpoint);
}

}  // namespace

std::string no_device_at(const std::string& endpoint, const std::string& words) {
  const std::string sentence = "no device at " + endpoint + words;
  const std::string host = host_of(endpoint);
  if (host.empty()) return sentence;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), nullptr, nullptr, &found);
  if (failed == 0) {
    freeaddrinfo(found);
    return sentence;
  }
  return sentence + ": the name " + host + " does not resolve (" + gai_strerror(failed) + ")";
}

}  // namespace pawl::devices
