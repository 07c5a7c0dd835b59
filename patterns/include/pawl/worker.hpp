// SPDX-License-Identifier: Apache-2.0
// Worker: takes messages of one queue, does the work, and says how it went.
//
//   pawl::Worker worker{{.queue = "orders"}};
//   worker.run([](const pawl::Delivery& d) { ship(d.text()); });  // return acks, throw nacks
//
// Guarantees (docs/guarantees.md): each message is worked at least once (G1) and held by one worker
// at a time (G2); a failing one is tried again, then set aside (G3).
//
// Threads: every member may be called from any thread; run, run_batch, receive, poll and next may
// be used by several threads at once. One I/O thread owns the socket and the session; the only
// thread in run() does its work while it waits for its next message.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <pawl/connection.hpp>
#include <pawl/delivery.hpp>
#include <pawl/errors.hpp>
#include <pawl/executor.hpp>

namespace pawl {

namespace peer {
class Bench;
}

struct WorkerOptions {
  std::string endpoint{"tcp://127.0.0.1:7295"};
  std::string queue{};
  std::uint32_t threads = 1;  // handlers at once, of run and run_batch; at most 4,096
  // Unstarted messages kept at hand, at most: it begins with up to 4,096 and takes more when it
  // runs short, less when others are idle. 1: no look-ahead. More than 32,768, a hub's bound, is as
  // good as that.
  std::uint32_t prefetch_messages = 32'768;
  std::uint64_t prefetch_bytes = 4 * 1024 * 1024;
  // Started, or finished and not sent, at once; at a death these are the suspects, which are tried
  // one by one. At least `threads`, at most 4,096, and a batch is at most this. Set it low for slow
  // handlers.
  std::uint32_t slots = 1'024;
  std::uint32_t batch_messages_max = 256;  // of run_batch
  std::uint64_t count_max = 0;             // each run ends after it started so many; 0: never
  std::chrono::milliseconds idle_exit{0};  // run ends when nothing came for so long; 0: never
  std::string peer{};                      // a name for people: logs, histories. Empty: host:pid
  std::function<void(const ConnectionEvent&)> on_connection{};
  Executor* executor = nullptr;  // where on_connection runs and coroutines go on; without it, they
                                 // go on in poll()
  Log log{};
  std::chrono::milliseconds destructor_deadline{2'000};
  void* context = nullptr;  // a libzmq context to share; null: the process's own
};

// How a message went.
enum class Verdict : std::uint8_t { ack, nack, reject, give_back };

struct HandlerOutcome {
  Verdict verdict = Verdict::ack;
  std::string reason{};                              // of nack and reject
  std::optional<std::chrono::milliseconds> delay{};  // of nack and give_back
};

// What run and poll take: anything that can be called with a message and copied.
using Handler = std::function<void(const Delivery&)>;
// Or returns how it went instead of throwing it: for messages that often fail, since a throw takes
// some microseconds, about as long as all the rest of a failure. What it throws all the same means
// what it means of a Handler.
using DecidingHandler = std::function<HandlerOutcome(const Delivery&)>;
// `outcomes` has one element a delivery, all `ack` at first. A throw applies to the whole batch.
using BatchHandler =
    std::function<void(std::span<const Delivery> batch, std::span<HandlerOutcome> outcomes)>;

namespace detail {
template <class AnyHandler>
concept HandlesDeliveries = std::invocable < std::decay_t<AnyHandler>
&, const Delivery& > ;

template <class AnyHandler>
auto as_handler(AnyHandler&& handler) {
  using Returned = std::invoke_result_t<std::decay_t<AnyHandler>&, const Delivery&>;
  if constexpr (std::is_void_v<Returned>) {
    return Handler(std::forward<AnyHandler>(handler));
  } else {
    static_assert(std::is_convertible_v<Returned, HandlerOutcome>,
                  "a handler returns nothing, which acks, or a pawl::HandlerOutcome");
    return DecidingHandler(std::forward<AnyHandler>(handler));
  }
}
}  // namespace detail

enum class RunEnd : std::uint8_t { stopped, drained, counted, idle, closed };

// Totals since the worker was made.
struct WorkerProgress {
  std::uint64_t received = 0;
  std::uint64_t started = 0;
  std::uint64_t acked = 0;   // the hub has answered these four
  std::uint64_t nacked = 0;  // handler time-outs included
  std::uint64_t rejected = 0;
  std::uint64_t returned = 0;   // unstarted ones included
  std::uint64_t stale = 0;      // finished, but lost before: somebody else does it again
  std::uint64_t timed_out = 0;  // handler time-outs
};

struct CloseResult {
  bool clean = true;  // everything in hand was settled or returned, and the hub has said so
  std::vector<std::string> still_running{};  // ids of messages whose handler had not returned, or
                                             // that were pulled and have no outcome: unsettled
  std::uint64_t unanswered = 0;  // messages settled whose answer did not come by the deadline
  WorkerProgress progress{};
};

// co_await worker.next(): a delivery, or nothing once the worker was stopped, drained or closed.
class NextDelivery;

class Worker {
 public:
  // Starts to connect and returns; asks for messages with the first run, receive, poll or next.
  // Throws std::invalid_argument for options that can never work.
  explicit Worker(WorkerOptions options);
  // close(destructor_deadline), and logs what was still running.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Calls `handler` for each message on `threads` threads (this one is the first) until stop, drain
  // or close, count_max or idle_exit. It returns nothing, which acks, or a HandlerOutcome; or
  // throws pawl::Reject, pawl::Return or pawl::Nack for what their names say; any other exception
  // nacks with what(). Throws Refused for a final no.
  //
  // After count_max or idle_exit the worker holds nothing that was not begun and asks for nothing,
  // until the next call asks again: run, receive, poll, next or fd (whose caller is taken to wait
  // for ever). Between receive, poll and next themselves messages are kept at hand.
  template <detail::HandlesDeliveries AnyHandler>
  RunEnd run(AnyHandler&& handler) {
    return run_each(detail::as_handler(std::forward<AnyHandler>(handler)));
  }
  // The same with whatever is at hand, up to batch_messages_max. std::logic_error beside run() of
  // the same worker.
  RunEnd run_batch(const BatchHandler& handler);

  // The next message; nothing after `timeout`, or once stopped. Throws Refused for a final no.
  std::optional<Delivery> receive(std::chrono::milliseconds timeout);

  // For an event loop: readable when poll() has something to do. Level-triggered; owned by Worker.
  int fd() const;
  // What is at hand, without waiting. Goes on with coroutines that wait in next(), if no executor.
  std::optional<Delivery> poll();
  // Runs `handler`, as run() takes one, here for at most `messages_max` messages at hand; returns
  // how many.
  template <detail::HandlesDeliveries AnyHandler>
  std::size_t poll(AnyHandler&& handler, std::size_t messages_max = 64) {
    return poll_each(detail::as_handler(std::forward<AnyHandler>(handler)), messages_max);
  }

  NextDelivery next();

  // Waits until the hub has opened the queue. False after `timeout`; throws Refused for a final no.
  bool wait_open(std::chrono::milliseconds timeout);
  // The queue's first backoff, as the hub gave it with the queue; 1 s before that. For a Return
  // that should not come round at once.
  std::chrono::milliseconds first_backoff() const;
  // How long the queue lets one handler run, as the hub gave it with the queue; 0: no limit.
  std::chrono::milliseconds handler_timeout() const;

  // Gives back what was not started, lets what was started finish; run then returns. True when
  // everything is settled by the deadline. May be called from a handler with deadline 0.
  bool drain(std::chrono::milliseconds deadline);
  // The same without waiting: for signal-handling threads and handlers.
  void stop();
  // drain, then ends the session. Always returns by the deadline; no handler or callback begins
  // after it. A handler still running is named in the result, and its lease runs out by itself; a
  // callback that runs already (on_connection, a coroutine on the executor) is waited for until the
  // deadline. Within a callback it waits neither for that one nor for those that have not begun.
  CloseResult close(std::chrono::milliseconds deadline);

  WorkerProgress progress() const;
  ConnectionState state() const;

 private:
  class Shell;
  RunEnd run_each(const Handler& handler);
  RunEnd run_each(const DecidingHandler& handler);
  std::size_t poll_each(const Handler& handler, std::size_t messages_max);
  std::size_t poll_each(const DecidingHandler& handler, std::size_t messages_max);
  std::unique_ptr<Shell> shell_;
};

// Of one coroutine, which may be destroyed while it waits here, on the thread on which it would go
// on (the executor's, or that of poll()): what it was given by then goes back uncounted.
class NextDelivery {
 public:
  ~NextDelivery();
  // The worker knows where it is.
  NextDelivery(const NextDelivery&) = delete;
  NextDelivery& operator=(const NextDelivery&) = delete;

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> waiting);
  std::optional<Delivery> await_resume();

 private:
  friend class Worker;
  friend class peer::Bench;
  explicit NextDelivery(std::shared_ptr<peer::Bench> bench) : bench_(std::move(bench)) {}
  std::shared_ptr<peer::Bench> bench_;
  std::coroutine_handle<> waiting_{};
  std::optional<Delivery> delivery_{};
};

}  // namespace pawl
