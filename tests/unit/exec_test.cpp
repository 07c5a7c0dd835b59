// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/exec.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "core/transport/wake_up.hpp"

using pawl::devices::ExecResult;
using pawl::devices::printable_tail;
using pawl::devices::run_command;
using End = ExecResult::End;

namespace {

ExecResult run(const std::string& command, const std::string& input = "") {
  const pawl::transport::WakeUp never;
  std::signal(SIGPIPE, SIG_IGN);
  return run_command(command, std::as_bytes(std::span(input)), {"PAWL_ID=q/0/7", "PAWL_ATTEMPT=1"},
                     never.fd());
}

}  // namespace

TEST_CASE("a command's exit code, signal and the tail of its complaints are told") {
  CHECK(run("exit 0").status == 0);
  CHECK(run("exit 65").status == 65);
  const ExecResult failed = run("echo first >&2; echo 'no such order' >&2; exit 3");
  CHECK(failed.end == End::exited);
  CHECK(failed.status == 3);
  CHECK(failed.complaint == "first\nno such order");
  const ExecResult killed = run("kill -9 $$");
  CHECK(killed.end == End::killed);
  CHECK(killed.status == SIGKILL);
}

TEST_CASE("a command finds the body on its stdin and the message in its environment") {
  CHECK(run("test \"$(cat)\" = hello", "hello").status == 0);
  CHECK(run("test \"$PAWL_ID/$PAWL_ATTEMPT\" = q/0/7/1").status == 0);
  CHECK(run("test \"$(wc -c)\" -eq 1000000", std::string(1'000'000, 'x')).status == 0);
}

TEST_CASE("a command that does not read its stdin is no failure") {
  CHECK(run("exec true", std::string(1'000'000, 'x')).status == 0);
}

TEST_CASE("a child that a command leaves behind is not waited for") {
  const ExecResult result = run("sleep 20 >/dev/null & exit 4");
  CHECK(result.end == End::exited);
  CHECK(result.status == 4);
}

TEST_CASE("an abandoned command is killed at once, with its children") {
  const pawl::transport::WakeUp abandon;
  abandon.signal();
  const ExecResult result = run_command("sleep 100; true", {}, {}, abandon.fd());
  CHECK(result.end == End::abandoned);
}

TEST_CASE("a tail begins at a whole character and holds nothing a terminal would obey") {
  CHECK(printable_tail("abc\n\n", 100) == "abc");
  CHECK(printable_tail("\xC3\xA4\xC3\xB6\xC3\xBC", 5) == "\xC3\xB6\xC3\xBC");
  CHECK(printable_tail("a\x1B[31mb\xFFz", 100) == "a [31mb?z");
  CHECK(printable_tail("", 100).empty());
  CHECK(printable_tail(std::string(5000, 'x'), 900).size() == 900);
}
