// SPDX-License-Identifier: Apache-2.0
// Runs a shell command over one message. By posix_spawn: fork is unsafe beside libzmq's threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pawl::devices {

struct ExecResult {
  enum class End : std::uint8_t {
    exited,     // `status` is its exit code
    killed,     // `status` is the signal
    abandoned,  // abandon_fd became readable: it was killed and has no result
    too_late,   // it ran for time_max: it was ended and has no result
    failed,     // could not be started; `complaint` says why
    starved,    // the same for want of descriptors, processes or memory, which is not its fault
  };
  End end = End::failed;
  int status = 0;
  std::string complaint{};  // the tail of its stderr, as UTF-8, at most `complaint_bytes_max`
};

inline constexpr std::size_t complaint_bytes_max = 900;  // leaves room for "exit 3: " in a reason

struct ExecBounds {
  int abandon_fd = -1;                    // readable: kill it at once
  std::chrono::milliseconds time_max{0};  // 0: no end
  std::chrono::milliseconds grace{2000};  // from SIGTERM at time_max to SIGKILL
};

// Runs `/bin/sh -c command` in a process group of its own with `input` on its stdin and no other
// environment than `environment` ("NAME=value"). Its stdout is ours; its stderr is passed on and
// its tail kept. Returns when it has ended, or was ended, with its whole group, at one of the
// bounds.
ExecResult run_command(const std::string& command, std::span<const std::byte> input,
                       const std::vector<std::string>& environment, const ExecBounds& bounds);

// The tail of `text` that fits, begun at a whole character; what is not UTF-8 or printable becomes
// '?' or a space.
std::string printable_tail(const std::string& text, std::size_t bytes_max);

}  // namespace pawl::devices
