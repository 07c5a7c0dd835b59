// SPDX-License-Identifier: Apache-2.0
// Task: the smallest coroutine type that can hold co_await worker.next() and co_await
// receipt.on(executor). Bring your own if you have one; pawl's awaitables do not care.
#pragma once

#include <coroutine>
#include <exception>

namespace pawl {

// Starts at once and frees itself when it ends. What it throws ends the process, since nobody could
// catch it.
struct Task {
  struct promise_type {
    Task get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

}  // namespace pawl
