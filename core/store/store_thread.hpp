// SPDX-License-Identifier: Apache-2.0
// A thread of the store: named for `top -H`, and with every signal blocked, so that signals reach
// the program's own threads. RocksDB's threads are started from these and inherit the mask.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace pawl {

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// `run` must not throw: nothing could be told of it to the store's owner.
template <class Run>
std::thread start_store_thread(const char* name, Run run) {
  const SignalsBlocked blocked;
  return std::thread([name, run = std::move(run)]() mutable noexcept {
    pthread_setname_np(pthread_self(), name);  // ≤ 15 characters
    run();
  });
}

}  // namespace pawl
