// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/message_environment.hpp"

#include <catch2/catch.hpp>

using pawl::devices::header_variable;
using pawl::devices::message_environment;
using pawl::devices::MessageAbout;
using Variables = std::vector<std::string>;

namespace {

Variables of_headers(pawl::Headers headers, std::vector<const char*> inherited = {}) {
  inherited.push_back(nullptr);
  return message_environment({.id = "q/0/7", .queue = "q", .headers = std::move(headers)},
                             inherited.data());
}

const Variables plain = {"PAWL_ID=q/0/7", "PAWL_QUEUE=q", "PAWL_ATTEMPT=1"};

Variables plain_and(const Variables& more) {
  Variables all = plain;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

TEST_CASE("a header's name becomes a variable of letters, digits and underscores") {
  CHECK(header_variable("content-type") == "PAWL_HEADER_CONTENT_TYPE");
  CHECK(header_variable("x2") == "PAWL_HEADER_X2");
  CHECK(header_variable("") == "PAWL_HEADER_");
  CHECK(header_variable("\xC3\xA4") == "PAWL_HEADER___");
}

TEST_CASE("no header becomes a variable of another name") {
  CHECK(of_headers({{"LD_PRELOAD", "/evil.so"}}) == plain_and({"PAWL_HEADER_LD_PRELOAD=/evil.so"}));
  CHECK(of_headers({{"a=b\nLD_PRELOAD", "x"}}) == plain_and({"PAWL_HEADER_A_B_LD_PRELOAD=x"}));
  CHECK(of_headers({{std::string("a\0PATH", 6), "x"}}) == plain_and({"PAWL_HEADER_A_PATH=x"}));
  CHECK(of_headers({{"a", std::string("x\0LD_PRELOAD=y", 14)}}) == plain_and({"PAWL_HEADER_A=x"}));
}

TEST_CASE("of headers that make the same variable the one whose name is first is told") {
  CHECK(of_headers({{"a_b", "underscore"}, {"a-b", "hyphen"}, {"A_B", "capitals"}}) ==
        plain_and({"PAWL_HEADER_A_B=capitals"}));
  CHECK(of_headers({{"a_b", "underscore"}, {"a-b", "hyphen"}}) ==
        plain_and({"PAWL_HEADER_A_B=hyphen"}));
}

TEST_CASE("what another message left in our own environment is not passed on") {
  const std::vector<const char*> inherited = {"PATH=/bin",         "PAWL_HEADER_USER=root",
                                              "PAWL_ORIGIN=a/0/1", "PAWL_REASON=x",
                                              "PAWL_ID=a/0/0",     "PAWL_DIR=kept"};
  Variables expected = {"PATH=/bin", "PAWL_DIR=kept"};
  expected.insert(expected.end(), plain.begin(), plain.end());
  CHECK(of_headers({}, inherited) == expected);
}

TEST_CASE("a dead letter says where it died and why") {
  const char* const none[] = {nullptr};
  const MessageAbout dead{
      .id = "q.dead/0/1", .queue = "q.dead", .attempt = 2, .origin = "q/0/7", .reason = "exit 3"};
  CHECK(message_environment(dead, none) == Variables{"PAWL_ID=q.dead/0/1", "PAWL_QUEUE=q.dead",
                                                     "PAWL_ATTEMPT=2", "PAWL_ORIGIN=q/0/7",
                                                     "PAWL_REASON=exit 3"});
}
