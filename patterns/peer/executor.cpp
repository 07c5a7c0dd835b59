// SPDX-License-Identifier: Apache-2.0
#include <pawl/executor.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace pawl {

struct ThreadExecutor::State {
  std::mutex mutex;
  std::condition_variable posted;
  std::deque<std::function<void()>> work;
  bool ending = false;
  std::thread thread;

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      posted.wait(lock, [&] { return ending || !work.empty(); });
      if (work.empty()) return;
      const std::function<void()> next = std::move(work.front());
      work.pop_front();
      lock.unlock();
      next();
      lock.lock();
    }
  }
};

ThreadExecutor::ThreadExecutor() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

ThreadExecutor::~ThreadExecutor() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->posted.notify_all();
  state_->thread.join();
}

void ThreadExecutor::post(std::function<void()> work) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->work.push_back(std::move(work));
  }
  state_->posted.notify_one();
}

}  // namespace pawl
