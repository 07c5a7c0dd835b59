// SPDX-License-Identifier: Apache-2.0
// bench_pawl_worker_budget - CHUNKS BYTES [--pack N] [--nack-one-in N --nack-times N]: a worker's
// machine, with neither sockets nor threads nor clocks: CHUNKS chunks of N messages are delivered,
// handed out, read and acked, but for those that are nacked first; these are delivered again, as
// rows of one. The same instructions in every run, which callgrind counts.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench/arguments.hpp"
#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "patterns/peer/worker_machine.hpp"

namespace {

using namespace pawl;
using namespace std::chrono_literals;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

Slice chunk_of(std::uint32_t count, std::size_t bytes) {
  const std::vector<std::byte> body(bytes, std::byte{'x'});
  ChunkBuilder builder;
  for (std::uint32_t i = 0; i < count; ++i) builder.append({}, body);
  return builder.take();
}

// What a message that failed is delivered as next.
struct Retry {
  std::uint64_t offset = 0;
  std::uint32_t attempt = 1;
};

class LoneWorker {
 public:
  LoneWorker(std::uint64_t nack_one_in, std::uint64_t nack_times)
      : machine_({"bench", "worker"}, 1), one_in_(nack_one_in), times_(nack_times) {
    turn();
    protocol::Welcome welcome;
    welcome.lease_ms = 10'000;
    welcome.beat_ms = 2'000;
    welcome.body_bytes_max = limits::body_bytes_max;
    welcome.chunk_bytes_aim = 128 * 1024;
    welcome.chunk_messages_max = limits::chunk_messages_max;
    hear(welcome);
    peer::WorkerEffects effects;
    machine_.apply(peer::Want{}, now_, effects);
    protocol::Opened opened;
    opened.handle = 1;
    hear(opened);
  }

  void deliver(std::vector<protocol::Deliver::Row> rows, Slice chunk) {
    ++delivers_;
    hear(protocol::Deliver{1, delivers_, delivers_, std::move(rows)}, {std::move(chunk)});
    while (auto hand = machine_.start(hand_messages, now_)) work(*hand);
    turn();
  }
  std::vector<Retry> take_retries() { return std::exchange(retries_, {}); }
  std::uint64_t acked() const { return acked_; }

 private:
  // As WorkerLoop's for a fast handler.
  static constexpr std::uint32_t hand_messages = 512;

  void hear(const protocol::Message& message, std::vector<Slice> frames = {}) {
    peer::WorkerEffects effects;
    machine_.apply(peer::Received{{protocol::encode(message), std::move(frames)}}, now_, effects);
    machine_.tick(now_, effects);
    answer(effects);
  }

  void turn() {
    now_ += 10us;
    peer::WorkerEffects effects;
    machine_.tick(now_, effects);
    answer(effects);
  }

  // What was settled is answered.
  void answer(const peer::WorkerEffects& effects) {
    for (const WireMessage& sent : effects.peer.sends) {
      const auto message = protocol::decode(sent.header);
      if (!message) give_up(message.fault().text);
      const auto* settle = std::get_if<protocol::Settle>(&*message);
      if (settle != nullptr) hear(protocol::Settled{1, settle->number, {}});
    }
  }

  void finish(const peer::Hand& hand, std::uint32_t first, std::uint32_t count,
              protocol::Verb verb) {
    if (count == 0) return;
    peer::WorkerEffects effects;
    const bool is_ack = verb == protocol::Verb::ack;
    if (is_ack) acked_ += count;
    machine_.apply(
        peer::Finished{hand.id, first, count, verb, {}, is_ack ? "" : "as the bench wants it"},
        now_, effects);
  }

  void work(const peer::Hand& hand) {
    peer::HandReader reader(hand);
    Entry entry;
    std::uint32_t from = 0;
    for (std::uint32_t i = 0; i < hand.count; ++i) {
      const peer::Run& run = reader.next(entry);
      const std::uint64_t offset = run.offset + (i - run.first);
      if (one_in_ == 0 || offset % one_in_ != 0 || run.attempt > times_) continue;
      finish(hand, from, i - from, protocol::Verb::ack);
      finish(hand, i, 1, protocol::Verb::nack);
      retries_.push_back({offset, run.attempt + 1});
      from = i + 1;
    }
    finish(hand, from, hand.count - from, protocol::Verb::ack);
  }

  peer::WorkerMachine machine_;
  Instant now_{std::chrono::seconds(1)};
  std::uint64_t one_in_, times_;
  std::uint64_t delivers_ = 0, acked_ = 0;
  std::vector<Retry> retries_;
};

// As many to a DELIVER as one may hold, all in one frame.
void deliver_again(LoneWorker& worker, std::size_t bytes) {
  constexpr std::size_t rows_max = limits::frames_max;
  for (auto retries = worker.take_retries(); !retries.empty();) {
    std::vector<protocol::Deliver::Row> rows;
    const std::size_t count = std::min(retries.size(), rows_max);
    for (std::size_t i = 0; i < count; ++i) {
      auto& row = rows.emplace_back();
      row.offset = retries[i].offset;
      row.count = 1;
      row.attempt = retries[i].attempt;
      row.flags = protocol::deliver_flags::redelivered;
      if (i > 0) row.flags |= protocol::deliver_flags::with_previous;
    }
    retries.erase(retries.begin(), retries.begin() + static_cast<std::ptrdiff_t>(count));
    worker.deliver(std::move(rows), chunk_of(static_cast<std::uint32_t>(count), bytes));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Arguments load = bench::read_arguments(
      argc, argv,
      "bench_pawl_worker_budget - CHUNKS BYTES [--pack N] [--nack-one-in N --nack-times N]",
      {{"--pack", 1'024}, {"--nack-one-in", 0}, {"--nack-times", 1}});
  const auto count = static_cast<std::uint32_t>(load["--pack"]);
  const std::uint64_t times = load["--nack-times"];
  LoneWorker worker(load["--nack-one-in"], times);
  const Slice whole = chunk_of(count, load.bytes);
  for (std::uint64_t chunk = 0; chunk < load.count; ++chunk) {
    protocol::Deliver::Row row;
    row.offset = chunk * count;
    row.count = count;
    row.attempt = 1;
    worker.deliver({row}, whole);
    for (std::uint64_t i = 0; i < times; ++i) deliver_again(worker, load.bytes);
  }
  if (worker.acked() != load.count * count) give_up("not every message was acked");
  return 0;
}
