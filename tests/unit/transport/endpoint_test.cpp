// SPDX-License-Identifier: Apache-2.0
#include "core/transport/endpoint.hpp"

#include <catch2/catch.hpp>

using pawl::Code;
using pawl::transport::check_endpoint;

TEST_CASE("endpoints that libzmq would misread are refused with the form") {
  for (const char* good : {"tcp://127.0.0.1:7295", "tcp://[::1]:1", "tcp://host.example:65535",
                           "ipc:///run/pawl", "inproc://orders"}) {
    CHECK(check_endpoint(good, false).code == Code::ok);
    CHECK(check_endpoint(good, true).code == Code::ok);
  }
  CHECK(check_endpoint("tcp://127.0.0.1:*", true).code == Code::ok);
  CHECK(check_endpoint("tcp://127.0.0.1:0", true).code == Code::ok);
  for (const char* bad : {"tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://127.0.0.1:99999",
                          "tcp://127.0.0.1", "tcp://:7295", "tcp://127.0.0.1:7295x", "nonsense", "",
                          "udp://127.0.0.1:1", "ipc://", "tcp://"}) {
    INFO(bad);
    CHECK(check_endpoint(bad, false).code == Code::bad_name);
  }
  CHECK(check_endpoint("tcp://127.0.0.1:99999", true).text.find("1 to 65535") != std::string::npos);
}
