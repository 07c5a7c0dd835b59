// SPDX-License-Identifier: Apache-2.0
#include "tests/support/store_probe.hpp"

#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <system_error>

#include "core/store/rocks_store.hpp"

namespace pawl::testing {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto deadline = std::chrono::seconds{20};

// False once `until` has passed.
bool wait_readable(int descriptor, Clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
  if (left.count() <= 0) return false;
  pollfd poll{descriptor, POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(left.count())) > 0;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (fs::temp_directory_path() / "pawl-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // what is left in /tmp fails no test
  fs::remove_all(path_, ignored);
}

std::uint64_t TemporaryDirectory::bytes() const {
  std::uint64_t bytes = 0;
  std::error_code gone;  // a file may be deleted while it is looked at
  for (const auto& entry : fs::recursive_directory_iterator(path_, gone)) {
    const std::uint64_t size = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

bool wait_until(const fs::path& directory, const std::function<bool()>& holds) {
  const auto until = Clock::now() + deadline;
  const int watch = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  REQUIRE(::inotify_add_watch(watch, directory.c_str(), IN_DELETE) >= 0);
  bool done = holds();
  while (!done && Clock::now() < until) {
    wait_readable(watch, Clock::now() + std::chrono::milliseconds{200});
    char events[4096];
    while (::read(watch, events, sizeof events) > 0) {
    }
    done = holds();
  }
  ::close(watch);
  return done;
}

StoreProbe::StoreProbe(const fs::path& directory) {
  auto opened = open_rocks_store({.directory = directory});
  INFO((opened ? "" : opened.fault().text));
  REQUIRE(opened);
  store_ = std::move(*opened);
}

void StoreProbe::commit(Commit commit) {
  const std::uint64_t tag = commit.tag;
  store_->submit(std::move(commit));
  const auto events = wait_for(1);
  const auto* unknown = std::get_if<Unknown>(&events[0]);
  INFO((unknown != nullptr ? unknown->text : ""));
  REQUIRE(std::holds_alternative<Committed>(events[0]));
  CHECK(std::get<Committed>(events[0]).tag == tag);
}

std::vector<StoreEvent> StoreProbe::wait_for(std::size_t count) {
  const auto until = Clock::now() + deadline;
  std::vector<StoreEvent> events;
  store_->drain(events);
  while (events.size() < count && wait_readable(store_->ready_fd(), until)) {
    store_->drain(events);
  }
  REQUIRE(events.size() == count);
  return events;
}

Page StoreProbe::all(Space space) {
  return store_->read_now({space, "", std::string(64, '\xff'), 1ULL << 30, 0}).value();
}

std::string key_of(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) key[i] = static_cast<char>(number & 0xff);
  return key;
}

std::string text_of(const Row& row) {
  const Bytes bytes = row.value.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string noise(std::size_t size) {
  Random random{1};
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

}  // namespace pawl::testing
