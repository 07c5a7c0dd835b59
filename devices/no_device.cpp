// SPDX-License-Identifier: Apache-2.0
#include "devices/no_device.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <memory>
#include <string_view>
#include <thread>

namespace pawl::devices {
namespace {

constexpr auto resolver_deadline = std::chrono::seconds(1);

// Of tcp://[SOURCE;]HOST:PORT; nothing for an address in brackets, which needs no resolver.
std::string host_of(std::string_view endpoint) {
  constexpr std::string_view tcp = "tcp://";
  if (!endpoint.starts_with(tcp)) return {};
  endpoint.remove_prefix(tcp.size());
  if (const auto source = endpoint.find(';'); source != endpoint.npos) {
    endpoint.remove_prefix(source + 1);
  }
  endpoint = endpoint.substr(0, endpoint.rfind(':'));
  return endpoint.starts_with('[') ? std::string() : std::string(endpoint);
}

// As libzmq asks for it: a name's IPv4 addresses.
int resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed == 0) freeaddrinfo(found);
  return failed;
}

}  // namespace

std::string no_device_at(const std::string& endpoint, const std::string& words) {
  const std::string sentence = "no device at " + endpoint + words;
  const std::string host = host_of(endpoint);
  if (host.empty()) return sentence;
  // On a thread that nobody waits for: a name server that is away takes longer than anybody likes.
  const auto answer = std::make_shared<std::promise<int>>();
  std::future<int> failed = answer->get_future();
  std::thread([answer, host] { answer->set_value(resolve(host)); }).detach();
  if (failed.wait_for(resolver_deadline) != std::future_status::ready) return sentence;
  const int code = failed.get();
  if (code == 0) return sentence;
  return sentence + ": the name " + host + " does not resolve (" + gai_strerror(code) + ")";
}

}  // namespace pawl::devices
