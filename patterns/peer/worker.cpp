// SPDX-License-Identifier: Apache-2.0
// The worker's public face.
#include <pawl/worker.hpp>

#include <optional>
#include <utility>

#include "patterns/peer/clock.hpp"
#include "patterns/peer/handling.hpp"
#include "patterns/peer/once.hpp"
#include "patterns/peer/worker_loop.hpp"

namespace pawl {

class Worker::Shell {
 public:
  explicit Shell(WorkerOptions options) : loop(std::move(options)) {}

  peer::WorkerLoop loop;
  peer::Once closing;
  std::optional<CloseResult> closed;

  peer::Bench& bench() { return *loop.bench(); }
};

Worker::Worker(WorkerOptions options) : shell_(std::make_unique<Shell>(std::move(options))) {}

Worker::~Worker() {
  if (shell_->closing.is_finished()) return;  // its result was told
  const CloseResult result = close(shell_->bench().options().destructor_deadline);
  if (result.clean) return;
  std::string text = "a worker of " + shell_->bench().options().queue + " ended with " +
                     std::to_string(result.unanswered) + " outcomes not answered";
  for (const std::string& id : result.still_running) text += ", " + id + " unsettled";
  shell_->loop.link().log(LogLevel::warning, text);
}

namespace {

// The bench is held meanwhile: it outlives its Worker for as long as handlers run.
template <class Run>
RunEnd run_to_end(const std::shared_ptr<peer::Bench> bench, const Run& run) {
  const RunEnd end = run(bench);
  bench->throw_if_refused();
  return end;
}

}  // namespace

RunEnd Worker::run_each(const Handler& handler) {
  return run_to_end(shell_->loop.bench(),
                    [&](const auto& bench) { return peer::run_singly(bench, handler); });
}

RunEnd Worker::run_each(const DecidingHandler& handler) {
  return run_to_end(shell_->loop.bench(),
                    [&](const auto& bench) { return peer::run_singly(bench, handler); });
}

RunEnd Worker::run_batch(const BatchHandler& handler) {
  return run_to_end(shell_->loop.bench(),
                    [&](const auto& bench) { return peer::run_batches(bench, handler); });
}

std::optional<Delivery> Worker::receive(std::chrono::milliseconds timeout) {
  return shell_->bench().pull(timeout);
}

int Worker::fd() const {
  shell_->bench().expect_pulls();
  return shell_->bench().fd();
}

std::optional<Delivery> Worker::poll() {
  peer::Bench& bench = shell_->bench();
  bench.settle_fd();
  // Those that are there now: one that goes on may wait, and be served, again. Or destroy another.
  const std::size_t resumable = bench.resumable();
  for (std::size_t i = 0; i < resumable && bench.resume_one(); ++i) {
  }
  // Where coroutines do the work, a message is theirs.
  std::optional<Delivery> delivery;
  if (resumable == 0 && !bench.is_awaited()) delivery = bench.try_pull();
  bench.settle_fd();
  return delivery;
}

namespace {

template <class AnyHandler>
std::size_t handle_at_hand(peer::Bench& bench, const AnyHandler& handler,
                           std::size_t messages_max) {
  std::size_t count = 0;
  while (count < messages_max) {
    auto delivery = bench.try_pull();
    if (!delivery) break;
    peer::handle(*delivery, handler);
    ++count;
  }
  bench.settle_fd();
  return count;
}

}  // namespace

std::size_t Worker::poll_each(const Handler& handler, std::size_t messages_max) {
  return handle_at_hand(shell_->bench(), handler, messages_max);
}

std::size_t Worker::poll_each(const DecidingHandler& handler, std::size_t messages_max) {
  return handle_at_hand(shell_->bench(), handler, messages_max);
}

NextDelivery Worker::next() {
  return NextDelivery(shell_->loop.bench());
}

// What it was given and nobody came for goes back uncounted: it was not begun.
NextDelivery::~NextDelivery() {
  bench_->forget(this);
  if (delivery_) delivery_->give_back();
}

bool NextDelivery::await_ready() {
  return false;
}

bool NextDelivery::await_suspend(std::coroutine_handle<> waiting) {
  waiting_ = waiting;
  // Once it is on the bench, another thread may resume and destroy this at any time.
  const std::shared_ptr<peer::Bench> bench = bench_;
  return bench->await(this);
}

std::optional<Delivery> NextDelivery::await_resume() {
  return std::exchange(delivery_, std::nullopt);
}

bool Worker::wait_open(std::chrono::milliseconds timeout) {
  return shell_->loop.wait_open(timeout);
}

std::chrono::milliseconds Worker::first_backoff() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      Duration(shell_->bench().first_backoff_us.load()));
}

std::chrono::milliseconds Worker::handler_timeout() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      Duration(shell_->bench().handler_timeout_us.load()));
}

bool Worker::drain(std::chrono::milliseconds deadline) {
  const Instant end = peer::deadline_after(peer::read_clock(), deadline);
  shell_->bench().end(RunEnd::drained);
  shell_->loop.ask_to_drain();
  return shell_->loop.wait_drained(end);
}

void Worker::stop() {
  shell_->bench().end(RunEnd::stopped);
  shell_->loop.ask_to_drain();
}

CloseResult Worker::close(std::chrono::milliseconds deadline) {
  const Instant end = peer::deadline_after(peer::read_clock(), deadline);
  shell_->bench().end(RunEnd::closed);
  if (!shell_->closing.begin(end)) {
    if (shell_->closing.is_finished()) return *shell_->closed;
    return {.clean = false, .progress = progress()};
  }
  shell_->loop.ask_to_drain();
  shell_->loop.wait_drained(end);
  CloseResult result = shell_->loop.end(end);
  shell_->closed = result;
  shell_->closing.finish();
  return result;
}

WorkerProgress Worker::progress() const {
  return shell_->loop.progress();
}
ConnectionState Worker::state() const {
  return shell_->loop.link().state();
}

}  // namespace pawl
