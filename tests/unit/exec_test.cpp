// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/exec.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/transport/wake_up.hpp"

using pawl::devices::ExecResult;
using pawl::devices::printable_tail;
using pawl::devices::run_command;
using End = ExecResult::End;

namespace {

using namespace std::chrono_literals;

ExecResult run(const std::string& command, const std::string& input = "") {
  std::signal(SIGPIPE, SIG_IGN);
  return run_command(command, std::as_bytes(std::span(input)), {"PAWL_ID=q/0/7", "PAWL_ATTEMPT=1"},
                     {});
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
  const ExecResult result = run_command("sleep 100; true", {}, {}, {.abandon_fd = abandon.fd()});
  CHECK(result.end == End::abandoned);
}

TEST_CASE("a command that runs for too long is told to end, and what it then says is kept") {
  const char* const tidy = "trap 'echo tidied >&2; exit 0' TERM; sleep 100 & wait";
  const ExecResult result = run_command(tidy, {}, {}, {.time_max = 500ms, .grace = 60s});
  CHECK(result.end == End::too_late);
  CHECK(result.complaint == "tidied");
}

TEST_CASE("what a command started has the same grace as itself") {
  const char* const parent = "(trap 'echo child >&2; exit' TERM; sleep 100 & wait) & wait";
  const ExecResult result = run_command(parent, {}, {}, {.time_max = 500ms, .grace = 60s});
  CHECK(result.end == End::too_late);
  CHECK(result.complaint == "child");
}

TEST_CASE("a command that does not end when told to is killed, with its children") {
  const ExecResult result =
      run_command("trap '' TERM; sleep 100; true", {}, {}, {.time_max = 50ms, .grace = 50ms});
  CHECK(result.end == End::too_late);
}

TEST_CASE("the grace of a command ends when it is abandoned") {
  const std::string fifo = "/tmp/pawl-exec-" + std::to_string(getpid());
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  const pawl::transport::WakeUp abandon;
  std::thread once_told([&] {
    std::string line;
    std::getline(std::ifstream(fifo), line);
    abandon.signal();
  });
  const std::string stubborn = "trap 'echo told >" + fifo + "' TERM; while :; do sleep 100; done";
  const ExecResult result =
      run_command(stubborn, {}, {}, {.abandon_fd = abandon.fd(), .time_max = 50ms, .grace = 1h});
  once_told.join();
  unlink(fifo.c_str());
  CHECK(result.end == End::too_late);
}

TEST_CASE("a command that finds no descriptors is starved, not failed") {
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int lowest_free = dup(STDIN_FILENO);
  close(lowest_free);
  for (const int left : {0, 2}) {  // for no pipe, for one
    const rlimit few{static_cast<rlim_t>(lowest_free + left), before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const ExecResult result = run("exit 0");
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(result.end == End::starved);
    CHECK(result.complaint == "pipe: Too many open files");
  }
}

TEST_CASE("a command whose environment is too large is not started, by its own fault") {
  const std::string large = "X=" + std::string(4 * 1024 * 1024, 'x');
  const ExecResult result = run_command("exit 0", {}, {large}, {});
  CHECK(result.end == End::failed);
  CHECK(result.complaint == "/bin/sh: Argument list too long");
}

TEST_CASE("a tail begins at a whole character and holds nothing a terminal would obey") {
  CHECK(printable_tail("abc\n\n", 100) == "abc");
  CHECK(printable_tail("\xC3\xA4\xC3\xB6\xC3\xBC", 5) == "\xC3\xB6\xC3\xBC");
  CHECK(printable_tail("a\x1B[31mb\xFFz", 100) == "a [31mb?z");
  CHECK(printable_tail("a\xED\xA0\x80\xF4\x90\x80\x80z", 100) == "a???????z");  // no characters
  CHECK(printable_tail("", 100).empty());
  CHECK(printable_tail(std::string(5000, 'x'), 900).size() == 900);
}
