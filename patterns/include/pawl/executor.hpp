// SPDX-License-Identifier: Apache-2.0
// Where callbacks run. pawl never calls user code on a thread of its own choosing, except handlers
// on the threads that run() was asked to use.
#pragma once

#include <functional>
#include <memory>

namespace pawl {

// Implement it over your event loop. It must outlive every producer and worker that was given it.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` later, on the executor's own thread(s), never within post(); called from pawl's I/O
  // thread, or from one in run() that waits, so it must neither block nor throw.
  virtual void post(std::function<void()> work) = 0;
};

// One thread, first in, first out. The destructor runs what was posted before it, then joins.
class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor();
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;
  void post(std::function<void()> work) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pawl
