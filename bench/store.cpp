// SPDX-License-Identifier: Apache-2.0
// What the durable store costs over a bare file: chunks of 110 KB (1,024 messages of 100 bytes and
// their metas), one commit and one sync each, with the small rows that a queue writes beside them,
// and each chunk deleted once `trail` more were written. Rounds alternate with append + fdatasync.
//
// With a window of more than one, commits gather while another is synced (group commit), as a busy
// hub's do; the file still syncs each chunk.
//
//   bench_store DIRECTORY [CHUNKS = 2000] [TRAIL = 20] [ROUNDS = 5] [WINDOW = 1]
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/store/rocks_store.hpp"

namespace {

using namespace pawl;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t chunk_bytes = 110'000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The number behind `field` in a file of /proc/self.
std::uint64_t proc_number(const char* file, const std::string& field) {
  std::ifstream lines{file};
  for (std::string word; lines >> word;) {
    if (word == field) {
      std::uint64_t number = 0;
      lines >> number;
      return number;
    }
  }
  return 0;
}

std::string key_of(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) key[i] = static_cast<char>(number & 0xff);
  return key;
}

Buffer noise(std::size_t size) {
  Random random{1};
  Buffer buffer = Buffer::allocate(size);
  for (std::size_t i = 0; i < size; ++i) {
    buffer.writable()[i] = static_cast<std::byte>(random.below(256));
  }
  return buffer;
}

double bare_file(const fs::path& path, std::uint64_t chunks, const Buffer& chunk) {
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  const auto start = Clock::now();
  for (std::uint64_t i = 0; i < chunks; ++i) {
    if (::write(file, chunk.data(), chunk.size()) < 0 || ::fdatasync(file) != 0) {
      std::perror("append");
      return 0;
    }
  }
  const double seconds = seconds_since(start);
  ::close(file);
  fs::remove(path);
  return static_cast<double>(chunks) / seconds;
}

Commit chunk_commit(std::uint64_t number, std::uint64_t trail, const Buffer& chunk) {
  Commit commit;
  commit.durable = true;
  commit.tag = number;
  commit.puts.push_back({Space::chunks, key_of(number), Slice{chunk}});
  commit.puts.push_back({Space::state, "i" + key_of(number), std::string(40, 'i')});
  commit.puts.push_back({Space::state, "l" + key_of(number), std::string(60, 'l')});
  commit.puts.push_back({Space::state, "tail", std::string(40, 't')});
  commit.puts.push_back({Space::state, "producer", std::string(60, 'p')});
  if (number < trail) return commit;
  commit.deletes.push_back({Space::chunks, key_of(number - trail)});
  commit.deletes.push_back({Space::state, "i" + key_of(number - trail)});
  commit.deletes.push_back({Space::state, "l" + key_of(number - trail)});
  return commit;
}

// How many were committed; 0 if one failed.
std::uint64_t wait_committed(Store& store, std::vector<StoreEvent>& events) {
  pollfd ready{store.ready_fd(), POLLIN, 0};
  ::poll(&ready, 1, -1);
  events.clear();
  store.drain(events);
  for (const StoreEvent& event : events) {
    if (!std::holds_alternative<Committed>(event)) return 0;
  }
  return events.size();
}

struct Work {
  std::uint64_t chunks = 2000;
  std::uint64_t trail = 20;
  std::uint64_t window = 1;
};

double rocks(const fs::path& path, const Work& work, const Buffer& chunk) {
  auto store = open_rocks_store({.directory = path});
  if (!store) {
    std::fprintf(stderr, "%s\n", store.fault().text.c_str());
    return 0;
  }
  std::vector<StoreEvent> events;
  const auto start = Clock::now();
  std::uint64_t sent = 0;
  for (std::uint64_t done = 0; done < work.chunks;) {
    for (; sent < std::min(done + work.window, work.chunks); ++sent) {
      (*store)->submit(chunk_commit(sent, work.trail, chunk));
    }
    const std::uint64_t committed = wait_committed(**store, events);
    if (committed == 0) return 0;
    done += committed;
  }
  return static_cast<double>(work.chunks) / seconds_since(start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [CHUNKS] [TRAIL] [ROUNDS] [WINDOW]\n", argv[0]);
    return 64;
  }
  const fs::path base = argv[1];
  Work work;
  if (argc > 2) work.chunks = std::stoull(argv[2]);
  if (argc > 3) work.trail = std::stoull(argv[3]);
  const int rounds = argc > 4 ? std::stoi(argv[4]) : 5;
  if (argc > 5) work.window = std::stoull(argv[5]);
  const Buffer chunk = noise(chunk_bytes);
  std::vector<double> files;
  std::vector<double> stores;
  std::vector<double> written;
  for (int round = 0; round < rounds; ++round) {
    files.push_back(bare_file(base / "bare", work.chunks, chunk));
    const std::uint64_t before = proc_number("/proc/self/io", "write_bytes:");
    fs::remove_all(base / "rocks");
    stores.push_back(rocks(base / "rocks", work, chunk));
    const std::uint64_t bytes = proc_number("/proc/self/io", "write_bytes:") - before;
    written.push_back(static_cast<double>(bytes) / static_cast<double>(work.chunks * chunk_bytes));
  }
  std::printf("append + fdatasync %7.0f chunks/s\n", median(files));
  std::printf("RocksStore         %7.0f chunks/s  (%.2f of the file)\n", median(stores),
              median(stores) / median(files));
  std::printf("written %.2fx the chunks' bytes; %llu MB resident\n", median(written),
              static_cast<unsigned long long>(proc_number("/proc/self/status", "VmRSS:") / 1024));
  fs::remove_all(base / "rocks");
  return 0;
}
