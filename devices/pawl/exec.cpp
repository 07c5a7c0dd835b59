// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/exec.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/chunk/text.hpp"
#include "core/system_clock.hpp"

namespace pawl::devices {
namespace {

// A descriptor with one owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor out, in;  // read from `out`, write to `in`
};

bool open_pipe(Pipe& pipe) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe.out = Descriptor(ends[0]);
  pipe.in = Descriptor(ends[1]);
  return true;
}

void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Of a system call without which a command cannot run.
ExecResult not_started(const std::string& what, int error) {
  const bool starved = error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM;
  return {.end = starved ? ExecResult::End::starved : ExecResult::End::failed,
          .complaint = what + ": " + std::strerror(error)};
}

// Starts the shell; 0 or an errno. The child has no signal blocked or ignored, whatever we have.
int spawn(const std::string& command, const std::vector<std::string>& environment, int stdin_fd,
          int stderr_fd, pid_t& pid) {
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (const std::string& text : environment) variables.push_back(const_cast<char*>(text.c_str()));
  variables.push_back(nullptr);
  const char* const arguments[] = {"/bin/sh", "-c", command.c_str(), nullptr};

  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) sigaddset(&defaults, signal);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
  const int failure = posix_spawn(&pid, arguments[0], &actions, &attributes,
                                  const_cast<char* const*>(arguments), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failure;
}

int reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// One running command: feeds it, listens to it, waits for it.
class Command {
 public:
  // `ended` is the process as a descriptor.
  Command(pid_t pid, Descriptor ended, Descriptor input, Descriptor complaints)
      : pid_(pid),
        ended_(std::move(ended)),
        input_(std::move(input)),
        complaints_(std::move(complaints)) {
    set_nonblocking(input_.get());
    set_nonblocking(complaints_.get());
  }

  ExecResult finish(std::span<const std::byte> body, const ExecBounds& bounds) {
    ExecResult result;
    Attended attended = attend(body, bounds);
    const bool late = attended == Attended::too_late;
    if (late) attended = ask_to_end(bounds);
    // Not reaped yet, it still keeps its group's number from being given to another.
    if (late || attended == Attended::abandoned) kill(-pid_, SIGKILL);
    const int status = reap(pid_);
    listen();
    result.complaint = printable_tail(tail_, complaint_bytes_max);
    if (late) {
      result.end = ExecResult::End::too_late;
    } else if (attended == Attended::abandoned) {
      result.end = ExecResult::End::abandoned;
    } else if (WIFEXITED(status)) {
      result.end = ExecResult::End::exited;
      result.status = WEXITSTATUS(status);
    } else {
      result.end = ExecResult::End::killed;
      result.status = WTERMSIG(status);
    }
    return result;
  }

 private:
  enum class Attended : std::uint8_t { ended, abandoned, too_late };

  // Until the command has ended. A grandchild that keeps the pipes open is not waited for.
  Attended attend(std::span<const std::byte> body, const ExecBounds& bounds) {
    const auto until = deadline_after(monotonic_now(), bounds.time_max);
    for (;;) {
      if (body.empty()) input_.reset();
      pollfd watched[] = {{bounds.abandon_fd, POLLIN, 0},
                          {ended_.get(), POLLIN, 0},
                          {complaints_.get(), POLLIN, 0},
                          {input_.get(), POLLOUT, 0}};
      if (poll(watched, 4, bounds.time_max.count() == 0 ? -1 : left(until)) < 0) continue;
      if (watched[0].revents != 0) return Attended::abandoned;
      if (watched[2].revents != 0) listen();
      if (watched[3].revents != 0) feed(body);
      if (watched[1].revents != 0) return Attended::ended;
      if (bounds.time_max.count() != 0 && left(until) == 0) return Attended::too_late;
    }
  }

  // SIGTERM to the whole group, and the grace for the whole of it: the shell is gone at once, while
  // what it started may still be cleaning up. It is, for as long as somebody has our stderr.
  Attended ask_to_end(const ExecBounds& bounds) {
    input_.reset();
    kill(-pid_, SIGTERM);
    const auto until = deadline_after(monotonic_now(), bounds.grace);
    bool ended = false;
    while (!ended || complaints_.get() >= 0) {
      pollfd watched[] = {{bounds.abandon_fd, POLLIN, 0},
                          {ended ? -1 : ended_.get(), POLLIN, 0},
                          {complaints_.get(), POLLIN, 0}};
      if (poll(watched, 3, left(until)) < 0) continue;
      if (watched[0].revents != 0) return Attended::abandoned;
      if (watched[2].revents != 0) listen();
      if (watched[1].revents != 0) ended = true;
      if (left(until) == 0) return Attended::too_late;
    }
    return Attended::ended;
  }

  // Milliseconds for poll(), rounded up; 0 once the time has passed.
  static int left(Instant until) {
    const auto span = std::chrono::ceil<std::chrono::milliseconds>(until - monotonic_now());
    return static_cast<int>(std::clamp<std::int64_t>(span.count(), 0, 3'600'000));
  }

  void feed(std::span<const std::byte>& body) {
    const ssize_t wrote = write(input_.get(), body.data(), body.size());
    if (wrote > 0) {
      body = body.subspan(static_cast<std::size_t>(wrote));
    } else if (errno != EAGAIN && errno != EINTR) {
      body = {};  // it has closed its stdin: that is its own affair
    }
  }

  void listen() {
    char bytes[4096];
    while (complaints_.get() >= 0) {
      const ssize_t got = read(complaints_.get(), bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return;
      if (got == 0) return complaints_.reset();
      const auto size = static_cast<std::size_t>(got);
      if (write(STDERR_FILENO, bytes, size) < 0) errno = 0;  // nobody reads ours: keep the tail
      tail_.append(bytes, size);
      if (tail_.size() > 2 * complaint_bytes_max) {
        tail_.erase(0, tail_.size() - complaint_bytes_max);
      }
    }
  }

  pid_t pid_;
  Descriptor ended_;
  Descriptor input_;
  Descriptor complaints_;
  std::string tail_;
};

}  // namespace

std::string printable_tail(const std::string& text, std::size_t bytes_max) {
  std::size_t begin = text.size() > bytes_max ? text.size() - bytes_max : 0;
  while (begin > 0 && begin < text.size() && (text[begin] & 0xC0) == 0x80) ++begin;
  std::size_t end = text.size();
  while (end > begin && (text[end - 1] == '\n' || text[end - 1] == ' ')) --end;
  std::string result = clean_text(std::string_view(text).substr(begin, end - begin), bytes_max);
  const auto is_control = [](unsigned char c) { return c < 0x20 && c != '\n'; };
  std::replace_if(result.begin(), result.end(), is_control, ' ');
  return result;
}

ExecResult run_command(const std::string& command, std::span<const std::byte> input,
                       const std::vector<std::string>& environment, const ExecBounds& bounds) {
  Pipe to_stdin, from_stderr;
  if (!open_pipe(to_stdin) || !open_pipe(from_stderr)) return not_started("pipe", errno);
  pid_t pid = 0;
  const int failure = spawn(command, environment, to_stdin.out.get(), from_stderr.in.get(), pid);
  if (failure != 0) return not_started("/bin/sh", failure);
  to_stdin.out.reset();
  from_stderr.in.reset();
  Descriptor ended(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (ended.get() < 0) {
    const int error = errno;
    kill(-pid, SIGKILL);  // nobody would know of its end
    reap(pid);
    return not_started("pidfd_open", error);
  }
  return Command(pid, std::move(ended), std::move(to_stdin.in), std::move(from_stderr.out))
      .finish(input, bounds);
}

}  // namespace pawl::devices
