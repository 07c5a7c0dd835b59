// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/biased_mutex.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>
#include <vector>

using pawl::peer::BiasedMutex;
using pawl::peer::Revoked;

namespace {

// Two numbers that only differ while somebody is between lock and unlock.
struct Guarded {
  BiasedMutex mutex;
  std::uint64_t first = 0, second = 0;
  std::uint64_t torn = 0;

  void touch() {
    if (first != second) ++torn;
    ++first;
    ++second;
  }
};

void call(Guarded& guarded, int times) {
  for (int i = 0; i < times; ++i) {
    const std::lock_guard lock(guarded.mutex);
    guarded.touch();
  }
}

void revoke(Guarded& guarded, int times) {
  for (int i = 0; i < times; ++i) {
    const Revoked lock(guarded.mutex);
    guarded.touch();
  }
}

constexpr int many = 200'000, few = 2'000;

}  // namespace

TEST_CASE("biased mutex: its owner and the one who revokes exclude each other") {
  Guarded guarded;
  std::thread other([&] { revoke(guarded, few); });
  call(guarded, many);
  other.join();
  CHECK(guarded.torn == 0);
  CHECK(guarded.first == many + few);
  CHECK(guarded.second == many + few);
}

TEST_CASE("biased mutex: several callers, and one who revokes") {
  Guarded guarded;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { call(guarded, many / 10); });
  threads.emplace_back([&] { revoke(guarded, few); });
  for (std::thread& thread : threads) thread.join();
  CHECK(guarded.torn == 0);
  CHECK(guarded.first == 3 * (many / 10) + few);
}

TEST_CASE("biased mutex: a second caller comes while the first is at work") {
  Guarded guarded;
  std::thread second;
  for (int i = 0; i < many; ++i) {
    const std::lock_guard lock(guarded.mutex);
    guarded.touch();
    if (i == many / 2) second = std::thread([&] { call(guarded, many / 10); });
  }
  second.join();
  CHECK(guarded.torn == 0);
  CHECK(guarded.first == many + many / 10);
}

TEST_CASE("biased mutex: callers follow one another, each gone before the next begins") {
  Guarded guarded;
  for (int i = 0; i < 50; ++i) {
    std::thread([&] { call(guarded, 100); }).join();
    revoke(guarded, 1);
  }
  CHECK(guarded.torn == 0);
  CHECK(guarded.first == 50 * 101);
}

TEST_CASE("biased mutex: its owner may be the one who revokes") {
  Guarded guarded;
  call(guarded, 3);
  revoke(guarded, 3);
  call(guarded, 3);
  CHECK(guarded.first == 9);
}

TEST_CASE("biased mutex: whoever revokes waits for an owner who stays inside") {
  Guarded guarded;
  guarded.mutex.lock();  // slowly: it becomes ours
  guarded.mutex.unlock();
  guarded.mutex.lock();
  std::atomic<bool> inside{false};
  std::thread other([&] {
    const Revoked lock(guarded.mutex);
    inside.store(true);
    CHECK(guarded.first == 1);
  });
  for (int i = 0; i < 1000; ++i) {
    std::this_thread::yield();
    if (inside.load()) break;
  }
  CHECK_FALSE(inside.load());
  guarded.touch();
  guarded.mutex.unlock();
  other.join();
  CHECK(inside.load());
}
