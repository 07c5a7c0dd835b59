// SPDX-License-Identifier: Apache-2.0
#include "patterns/peer/biased_mutex.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace pawl::peer {
namespace {

long membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0);
}

// Not so in old kernels and some sandboxes: then nobody gets the fast path.
bool has_barrier() {
  static const bool has = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return has;
}

// Every thread of this process that runs has passed a full fence when it returns.
void fence_all_threads() {
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) return;
  // Out of memory, for a moment: the slow one needs none.
  if (membarrier(MEMBARRIER_CMD_GLOBAL) == 0) return;
  // A kernel of full-time processors (nohz_full) has no slow one.
  constexpr int tries_max = 1000;
  for (int i = 0; i < tries_max && errno == EINVAL; ++i) {
    std::this_thread::yield();
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) return;
  }
  // Nobody is kept out of what the owner is in without it.
  std::fprintf(stderr,
               "pawl: membarrier(2) was allowed when the first producer was made and is not any "
               "more: let the seccomp filter allow it, or install it before that\n");
  std::abort();
}

}  // namespace

BiasedMutex::BiasedMutex() : owner_(has_barrier() ? nobody_yet : nobody_ever) {}

// With the mutex held: the owner is out, and stays out while `wanted_` is set.
void BiasedMutex::revoke() {
  wanted_.store(1, std::memory_order_relaxed);
  fence_all_threads();
  while (inside_.load(std::memory_order_acquire) != 0) inside_.wait(1, std::memory_order_acquire);
}

// The exchange is the full fence between our leaving and notify's look for those who wait.
void BiasedMutex::wake() {
  inside_.exchange(0);
  inside_.notify_all();
}

void BiasedMutex::lock_slowly() {
  mutex_.lock();
  const std::uintptr_t owner = owner_.load(std::memory_order_relaxed);
  if (owner == nobody_yet) {
    owner_.store(this_thread(), std::memory_order_relaxed);
  } else if (owner != nobody_ever && owner != this_thread()) {
    revoke();
    owner_.store(nobody_ever, std::memory_order_relaxed);  // and `wanted_` stays
  }
  slow_ = true;
}

void BiasedMutex::unlock_slowly() {
  slow_ = false;
  // For a later thread that has our address, and takes itself for us: see lock().
  if (owner_.load(std::memory_order_relaxed) == this_thread()) {
    inside_.store(0, std::memory_order_release);
  }
  mutex_.unlock();
}

void BiasedMutex::lock_revoking() {
  mutex_.lock();
  const std::uintptr_t owner = owner_.load(std::memory_order_relaxed);
  const bool is_ours = owner == this_thread();                 // and we are not inside
  if (is_ours) (void)inside_.load(std::memory_order_acquire);  // see lock()
  if (owner != nobody_yet && owner != nobody_ever && !is_ours) revoke();
  slow_ = true;
}

void BiasedMutex::unlock_revoking() {
  slow_ = false;
  if (owner_.load(std::memory_order_relaxed) != nobody_ever) {
    wanted_.store(0, std::memory_order_release);
  }
  mutex_.unlock();
}

}  // namespace pawl::peer
