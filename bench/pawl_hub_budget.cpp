// SPDX-License-Identifier: Apache-2.0
// bench_pawl_hub_budget - CHUNKS BYTES [--pack N] [--nack-one-in N --nack-times N]: a hub's
// machine, its turn and a MemoryStore, with neither sockets nor threads nor clocks: CHUNKS chunks
// of N messages come in, are confirmed, handed out whole and acked whole, but for those that are
// nacked first. The same instructions in every run, which callgrind counts.
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "bench/arguments.hpp"
#include "core/chunk/chunk.hpp"
#include "core/protocol/codec.hpp"
#include "core/store/memory_store.hpp"
#include "patterns/hub/turn.hpp"

namespace {

using namespace pawl;
using namespace std::chrono_literals;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

class LoneHub {
 public:
  LoneHub() : entropy_(1) {
    HubConfig config;
    config.defaults.backoff = {.initial = 10ms, .factor = 1.0, .max = 10ms, .jitter = 0.0};
    auto recovered = HubMachine::recover(config, store_, entropy_, "boot", now_);
    if (!recovered) give_up(recovered.fault().text);
    machine_ = std::move(*recovered);
    turn_.emplace(*machine_, store_);
  }

  void hear(const std::string& connection, const protocol::Message& message,
            std::vector<Slice> frames = {}) {
    machine_->on_message({connection, {protocol::encode(message), std::move(frames)}}, now_);
  }

  void pass(Duration by) {
    now_.mono += by;
    now_.hub = now_.hub + by;
  }

  // What is said until nothing moves any more.
  std::vector<RoutedMessage> turns() {
    std::vector<RoutedMessage> said;
    do {
      pass(10us);
      if (const auto failure = turn_->take_store_events(said)) give_up(failure->text);
      machine_->set_free_bytes(store_.free_bytes());
      machine_->tick(now_, true);
      turn_->finish(now_, said);
    } while (turn_->has_more_now() || turn_->commit_under_way());
    return said;
  }

 private:
  MemoryStore store_;
  SeededEntropy entropy_;
  Now now_{Instant(std::chrono::seconds(1)), {1'000'000}};
  std::unique_ptr<HubMachine> machine_;
  std::optional<Turn> turn_;
};

const std::string producer = "producer", worker = "worker";

void connect(LoneHub& hub, const std::string& name, protocol::Role role) {
  protocol::Hello hello;
  hello.versions = {protocol::version};
  hello.peer = name;
  hub.hear(name, hello);
  protocol::Open open;
  open.handle = 1;
  open.name = "bench";
  open.role = role;
  if (role == protocol::Role::producer) open.source = name;
  open.anonymous = role == protocol::Role::producer;
  hub.hear(name, open);
  hub.turns();
}

Slice chunk_of(std::uint32_t count, std::size_t bytes) {
  const std::vector<std::byte> body(bytes, std::byte{'x'});
  ChunkBuilder builder;
  for (std::uint32_t i = 0; i < count; ++i) builder.append({}, body);
  return builder.take();
}

struct Nacks {
  std::uint64_t one_in = 0, times = 0;
};

// Answers what was delivered, as a worker does: one row for what ends alike. How many acks.
std::uint64_t settle(LoneHub& hub, const std::vector<RoutedMessage>& said, const Nacks& nacks,
                     std::uint64_t& number) {
  std::uint64_t acked = 0;
  for (const RoutedMessage& one : said) {
    const auto message = protocol::decode(one.message.header);
    if (!message) give_up(message.fault().text);
    const auto* deliver = std::get_if<protocol::Deliver>(&*message);
    if (deliver == nullptr) continue;
    protocol::Settle settle;
    settle.handle = 1;
    settle.number = ++number;
    const auto add = [&](std::uint64_t offset, std::uint64_t length, protocol::Verb verb) {
      if (length == 0) return;
      auto& row = settle.rows.emplace_back();
      row.lease = deliver->lease;
      row.offset = offset;
      row.length = length;
      row.verb = verb;
      if (verb == protocol::Verb::nack) row.reason = "it failed, as it was asked to";
      if (verb == protocol::Verb::ack) acked += length;
    };
    for (const auto& row : deliver->rows) {
      std::uint64_t from = row.offset;
      const std::uint64_t end = row.offset + row.count;
      if (nacks.one_in != 0 && row.attempt <= nacks.times) {
        for (std::uint64_t at = from + (nacks.one_in - from % nacks.one_in) % nacks.one_in;
             at < end; at += nacks.one_in) {
          add(from, at - from, protocol::Verb::ack);
          add(at, 1, protocol::Verb::nack);
          from = at + 1;
        }
      }
      add(from, end - from, protocol::Verb::ack);
    }
    hub.hear(worker, settle);
  }
  return acked;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Arguments load = bench::read_arguments(
      argc, argv,
      "bench_pawl_hub_budget - CHUNKS BYTES [--pack N] [--nack-one-in N --nack-times N]",
      {{"--pack", 1'024}, {"--nack-one-in", 0}, {"--nack-times", 1}});
  const auto count = static_cast<std::uint32_t>(load["--pack"]);
  const Nacks nacks{load["--nack-one-in"], load["--nack-times"]};
  LoneHub hub;
  connect(hub, producer, protocol::Role::producer);
  connect(hub, worker, protocol::Role::worker);
  const Slice whole = chunk_of(count, load.bytes);
  const std::uint64_t messages = load.count * count;
  std::uint64_t sequence = 1, settles = 0, beats = 0, acked = 0;
  while (acked < messages) {
    // More than it can use: what it is given is bounded by what there is.
    hub.hear(worker, protocol::Credit{1, UINT64_MAX / 2, UINT64_MAX / 2});
    hub.hear(worker, protocol::Beat{++beats, 0, settles, settles});
    if (sequence <= messages) {
      protocol::Send send;
      auto& part = send.parts.emplace_back();
      part.handle = 1;
      part.epoch = 1;
      part.floor = part.seq = sequence;
      part.count = count;
      sequence += count;
      hub.hear(producer, send, {whole});
    }
    hub.hear(producer, protocol::Beat{beats, 0, 0, 0});
    acked += settle(hub, hub.turns(), nacks, settles);
    acked += settle(hub, hub.turns(), nacks, settles);
    hub.pass(1ms);
  }
  return 0;
}
