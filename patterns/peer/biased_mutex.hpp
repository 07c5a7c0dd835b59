// SPDX-License-Identifier: Apache-2.0
// A mutex for one thread that locks it millions of times a second and another that does so a few
// thousand times: the first pays no atomic read-modify-write, the second makes up for it with a
// system call (membarrier, some 3 µs). docs/decisions/0004 has the figures.
//
//   callers    lock() and unlock(): any thread. The first of them owns the fast path. A second one
//              ends it for good: from then on this is a std::mutex.
//   the other  lock_revoking() and unlock_revoking(): waits until the owner is out.
//
//   owner:  inside = 1; (compiler) fence; wanted?          either the owner sees `wanted`, or the
//   other:  wanted = 1; membarrier;       inside?          other sees `inside`: never neither
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace pawl::peer {

class BiasedMutex {
 public:
  BiasedMutex();
  BiasedMutex(const BiasedMutex&) = delete;
  BiasedMutex& operator=(const BiasedMutex&) = delete;

  void lock() {
    if (owner_.load(std::memory_order_relaxed) == this_thread()) {
      // Acquire: an earlier thread may have had our address.
      (void)inside_.load(std::memory_order_acquire);
      inside_.store(1, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      if (wanted_.load(std::memory_order_acquire) == 0) [[likely]]
        return;
      leave();
    }
    lock_slowly();
  }

  void unlock() {
    if (slow_) return unlock_slowly();
    leave();
  }

  void lock_revoking();
  void unlock_revoking();

 private:
  static std::uintptr_t this_thread() {
    static constinit thread_local char here = 0;
    return reinterpret_cast<std::uintptr_t>(&here);
  }
  void leave() {
    inside_.store(0, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (wanted_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      wake();
  }
  void wake();
  void lock_slowly();
  void unlock_slowly();
  void revoke();

  static constexpr std::uintptr_t nobody_yet = 0, nobody_ever = 1;
  std::atomic<std::uintptr_t> owner_;
  std::atomic<int> inside_{0};  // the owner, by the fast path
  std::atomic<int> wanted_{0};  // the owner is to take the mutex instead
  bool slow_ = false;           // it is held by the mutex; whoever holds it may look
  std::mutex mutex_;
};

// Holds it as the other side.
class Revoked {
 public:
  explicit Revoked(BiasedMutex& mutex) : mutex_(mutex) { mutex_.lock_revoking(); }
  ~Revoked() { mutex_.unlock_revoking(); }
  Revoked(const Revoked&) = delete;
  Revoked& operator=(const Revoked&) = delete;

 private:
  BiasedMutex& mutex_;
};

}  // namespace pawl::peer
