// SPDX-License-Identifier: Apache-2.0
// RocksStore against what happens to processes and disks: kill -9, a second device, no space left.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <optional>

#include "core/store/rocks_store.hpp"
#include "tests/support/store_probe.hpp"

namespace pawl {
namespace {

using testing::key_of;
using testing::StoreProbe;
using testing::TemporaryDirectory;

constexpr const char* child_name = "child of a test: commits without end";
constexpr const char* child_directory = "PAWL_TEST_STORE_DIRECTORY";
constexpr int child_report = 3;  // descriptor

// This program again, as a process of its own that commits without end and tells each commit that
// was reported. A fork alone would inherit RocksDB's idea of threads that it does not have.
class Child {
 public:
  explicit Child(const std::filesystem::path& directory) {
    REQUIRE(::pipe2(pipe_, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe_[1], child_report);
    std::string program = "/proc/self/exe";
    std::string test = child_name;
    std::string variable = child_directory + ("=" + directory.string());
    char* arguments[] = {program.data(), test.data(), nullptr};
    char* environment[] = {variable.data(), nullptr};
    const int error =
        ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_[1]);
    REQUIRE(error == 0);
  }
  ~Child() {
    kill();
    ::close(pipe_[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // The next number that it wrote; nothing after its end.
  std::optional<std::uint64_t> next() {
    std::uint64_t number = 0;
    if (::read(pipe_[0], &number, sizeof number) != sizeof number) return std::nullopt;
    return number;
  }

 private:
  int pipe_[2] = {-1, -1};
  pid_t pid_ = 0;
};

Commit numbered(std::uint64_t number) {
  return {.puts = {{Space::chunks, key_of(number), std::string(2000, 'c')},
                   {Space::state, key_of(number), std::string("s")}},
          .deletes = {},
          .durable = number % 4 == 0,
          .tag = number};
}

// Commits 1, 2, 3 … with many under way.
void commit_without_end(const std::filesystem::path& directory, int report) {
  auto store = open_rocks_store({.directory = directory});
  if (!store) return;
  std::vector<StoreEvent> events;
  std::uint64_t sent = 0;
  for (std::uint64_t done = 0;;) {
    while (sent < done + 32) (*store)->submit(numbered(++sent));
    (*store)->settle();
    events.clear();
    (*store)->drain(events);
    for (const StoreEvent& event : events) {
      if (!std::holds_alternative<Committed>(event)) return;
      done = std::get<Committed>(event).tag;
      if (::write(report, &done, sizeof done) != sizeof done) return;
    }
  }
}

// A file system of its own, where this may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(const char* options)
      : mounted_(::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, options) == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  std::filesystem::path path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  bool mounted_;
};

Commit chunk(std::uint64_t number, const std::string& bytes, bool durable = true) {
  return {.puts = {{Space::chunks, key_of(number), bytes}}, .deletes = {}, .durable = durable};
}

}  // namespace

TEST_CASE("child of a test: commits without end", "[.]") {
  const char* directory = ::getenv(child_directory);
  if (directory != nullptr) commit_without_end(directory, child_report);
}

TEST_CASE("G1 after kill -9 a store holds a prefix of the commits, with all that were reported") {
  for (int round = 0; round < 5; ++round) {
    TemporaryDirectory directory;
    Child child{directory.path()};
    std::uint64_t reported = 0;
    while (reported < 100 + static_cast<std::uint64_t>(round) * 77) {
      const auto next = child.next();
      REQUIRE(next);
      reported = *next;
    }
    child.kill();
    while (const auto next = child.next()) reported = *next;  // told before the kill

    StoreProbe probe{directory.path()};
    const Page chunks = probe.all(Space::chunks);
    const Page state = probe.all(Space::state);
    CHECK(chunks.rows.size() >= reported);
    REQUIRE(chunks.rows.size() == state.rows.size());  // each commit as a whole
    for (std::size_t i = 0; i < chunks.rows.size(); ++i) {
      REQUIRE(chunks.rows[i].key == key_of(i + 1));
      REQUIRE(state.rows[i].key == key_of(i + 1));
    }
  }
}

TEST_CASE("a second process on one directory is refused with a remedy") {
  TemporaryDirectory directory;
  Child child{directory.path()};
  REQUIRE(child.next());
  const auto second = open_rocks_store({.directory = directory.path()});
  REQUIRE_FALSE(second);
  CHECK(second.fault().text == directory.path().string() +
                                   " is in use by another pawl device (LOCK is held); stop it, or "
                                   "give each device a --data directory of its own");
  CHECK(child.next());
  child.kill();
  CHECK(open_rocks_store({.directory = directory.path()}));
}

TEST_CASE("a disk without space fails commits, and a reopen after space is freed goes on") {
  SmallDisk disk{"size=48m"};
  if (!disk.mounted()) {
    WARN("skipped: mounting a tmpfs needs root; run the tests as root to see a full disk");
    return;
  }
  StoreProbe probe{disk.path() / "data"};
  const std::string bytes = testing::noise(1'000'000);
  const auto ballast = disk.path() / "ballast";
  std::uint64_t stored = 0;
  bool failed = false;
  for (std::uint64_t number = 1; number < 100 && !failed; ++number) {
    probe.submit(chunk(number, bytes));
    const auto events = probe.wait_for(1);
    failed = std::holds_alternative<Unknown>(events[0]);
    if (failed) CHECK_FALSE(std::get<Unknown>(events[0]).is_final);
    if (!failed) stored = number;
  }
  REQUIRE(failed);
  REQUIRE(stored > 20);
  CHECK(probe.store().free_bytes() == 0);
  probe.submit(chunk(200, "after the failure"));
  CHECK(std::holds_alternative<Unknown>(probe.wait_for(1)[0]));

  const std::string room = "size=256m";
  REQUIRE(::mount("tmpfs", disk.path().c_str(), "tmpfs", MS_REMOUNT, room.c_str()) == 0);
  const Fault fault = probe.store().reopen();
  INFO(fault.text);
  REQUIRE(fault.code == Code::ok);
  const Page page = probe.all(Space::chunks);
  CHECK(page.rows.size() >= stored);
  CHECK(page.rows.size() <= stored + 1);
  probe.commit(chunk(201, "goes on"));
}

TEST_CASE("the reserve of a disk of 512 MiB leaves room to work in, and settles commit within it") {
  SmallDisk disk{"size=512m"};
  if (!disk.mounted()) {
    WARN("skipped: mounting a tmpfs needs root; run the tests as root to see a small disk");
    return;
  }
  StoreProbe probe{disk.path() / "data"};
  CHECK(probe.store().free_bytes() > 350ULL << 20);
  const std::string bytes = testing::noise(110'000);
  std::uint64_t stored = 0;
  while (probe.store().free_bytes() > bytes.size()) probe.commit(chunk(++stored, bytes));
  CHECK(stored * bytes.size() > 300'000'000);
  for (std::uint64_t number = 1; number <= stored; ++number) {
    probe.commit({.puts = {{Space::state, "settled", key_of(number)}},
                  .deletes = {{Space::chunks, key_of(number)}}});
  }
  CHECK(testing::wait_until(disk.path() / "data", [&] {
    probe.store().on_idle();
    return probe.store().free_bytes() > 350ULL << 20;
  }));
}

}  // namespace pawl
