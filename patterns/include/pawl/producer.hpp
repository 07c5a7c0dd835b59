// SPDX-License-Identifier: Apache-2.0
// Producer: sends messages to one queue of one hub, and knows what became of each.
//
//   pawl::Producer orders{{.queue = "orders"}};
//   orders.send("a book").wait();
//
// Guarantees (docs/guarantees.md): what is confirmed is kept (G1); messages are accepted in the
// order of send(), across reconnects, unless one is refused and said so (G4); what is sent again
// after a lost confirm adds nothing (G5). An anonymous producer keeps G5 for its own life only; one
// with a name keeps it across restarts too.
//
// Threads: every member may be called from any thread. One I/O thread owns the socket; while it
// sleeps, a caller of send() may send for it. That never waits, and runs none of your code.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pawl/codes.hpp>
#include <pawl/connection.hpp>
#include <pawl/errors.hpp>
#include <pawl/executor.hpp>
#include <pawl/message.hpp>
#include <pawl/receipt.hpp>

namespace pawl {

// What send() does when unconfirmed_*_max is reached, and what becomes of messages that the hub
// refuses as FULL or NO_SPACE. Other transient refusals are always sent again, in order.
enum class BackPressure : std::uint8_t {
  block,  // wait, for ever
  fail,   // the receipt is refused at once
  wait,   // wait up to `back_pressure_deadline`, then as fail
};

struct ProducerOptions {
  std::string endpoint{"tcp://127.0.0.1:7295"};
  std::string queue{};                         // [A-Za-z0-9._-]{1,128}
  std::string name{};                          // same letters. Empty: anonymous
  Durability durability = Durability::memory;  // refused by a hub that cannot give at least this
  BackPressure back_pressure = BackPressure::block;
  std::chrono::milliseconds back_pressure_deadline{5'000};
  std::uint64_t unconfirmed_messages_max = 256 * 1024;     // sent or waiting to be sent
  std::uint64_t unconfirmed_bytes_max = 16 * 1024 * 1024;  // the same, in bytes
  std::string peer{};  // a name for people: logs, histories. Empty: host:pid
  std::function<void(const ConnectionEvent&)> on_connection{};
  Executor* executor = nullptr;  // where on_connection runs; needed with it
  Log log{};
  std::chrono::milliseconds destructor_deadline{2'000};  // how long ~Producer waits for confirms
  void* context = nullptr;  // a libzmq context to share; null: the process's own
};

// What a named producer's hub had already when it was opened.
struct Kept {
  // Every sequence below is kept, except what a producer gave up: a chosen one (send_at) refused
  // with FULL or NO_SPACE that was not to be waited for, and what was missing before it; the lowest
  // of more than 32 missing ranges; and, of send(), whatever was refused.
  std::uint64_t floor = 1;
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t length = 0;
  };
  std::vector<Range> ranges{};  // ascending, at or above the floor: kept too
  bool forgotten =
      false;  // idle producers were evicted since: a name not known may have been known
  bool has(std::uint64_t sequence) const;
  // The first sequence after everything that is kept.
  std::uint64_t next() const;
};

// Totals since the producer was made, except `unconfirmed`.
struct SendResult {
  std::uint64_t sent = 0;       // send() calls that were given a sequence
  std::uint64_t confirmed = 0;  // of them duplicates:
  std::uint64_t duplicates = 0;
  std::uint64_t refused = 0;            // back-pressure that failed included
  std::uint64_t unconfirmed = 0;        // not answered yet (flush), or never (close)
  std::uint64_t callbacks_dropped = 0;  // posted to an executor but not begun when close() returned
  std::string first_refusal{};          // "FULL: …", of the first refusal
  bool complete() const { return unconfirmed == 0 && refused == 0; }
};

class Producer {
 public:
  // Starts to connect and returns. Throws std::invalid_argument for options that can never work.
  explicit Producer(ProducerOptions options);
  // close(destructor_deadline), and logs what was not confirmed.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Takes a copy of the message and returns; how it waits, see BackPressure. Throws Closed after
  // close(), Refused once the hub has refused or fenced this producer for good. A message over its
  // bounds gives a refused receipt (TOO_LARGE); headers that are not UTF-8, or more than 64, throw
  // std::invalid_argument.
  Receipt send(std::span<const std::byte> body);
  Receipt send(std::string_view body);
  Receipt send(const Message& message);
  template <class T>
  requires(!detail::Raw<T>) Receipt send(const T& value) {
    return BodyCodec<T, void>::encode(value,
                                      [this](std::span<const std::byte> b) { return send(b); });
  }

  // The same under a sequence of the caller's choice (a line number, say), for a producer with a
  // name: sequences ascend, gaps are allowed, send() goes on after the last one. One that the hub
  // has kept gives a confirmed duplicate; one that was refused for good or left out can be sent by
  // the next producer of this name. std::invalid_argument for one that does not ascend (another
  // thread may have gone first while this one waited for room) or is above 2^62, and without a
  // name.
  Receipt send_at(std::uint64_t sequence, const Message& message);
  Receipt send_at(std::uint64_t sequence, std::string_view body);

  // Waits until the hub has opened the queue. False after `timeout`; throws Refused for a final no.
  bool wait_open(std::chrono::milliseconds timeout);
  // What the hub had already; waits for the first open. Throws Unconfirmed after `timeout`.
  Kept kept(std::chrono::milliseconds timeout);

  // Waits until everything sent before is answered, or the deadline.
  SendResult flush(std::chrono::milliseconds deadline);
  // flush, then ends the session. Always returns by the deadline; what is not answered by then is
  // `unconfirmed`. Idempotent. No callback begins after it; one that runs already is waited for
  // until the deadline. Within a callback it waits neither for that one nor for those that have
  // not begun.
  SendResult close(std::chrono::milliseconds deadline);
  // The counts so far.
  SendResult progress() const;
  ConnectionState state() const;

 private:
  class Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace pawl
