// SPDX-License-Identifier: Apache-2.0
// bench_pawl_hub_budget - CHUNKS BYTES [--pack N]: a hub's machine, its turn and a MemoryStore,
// with neither sockets nor threads nor clocks: CHUNKS chunks of N messages come in, are confirmed,
// handed out whole and acked whole. The same instructions in every run, which callgrind counts.
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

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

class LoneHub {
 public:
  LoneHub() : entropy_(1) {
    auto recovered = HubMachine::recover({}, store_, entropy_, "boot", now_);
    if (!recovered) give_up(recovered.fault().text);
    machine_ = std::move(*recovered);
    turn_.emplace(*machine_, store_);
  }

  void hear(const std::string& connection, const protocol::Message& message,
            std::vector<Slice> frames = {}) {
    machine_->on_message({connection, {protocol::encode(message), std::move(frames)}}, now_);
  }

  // What is said until nothing moves any more.
  std::vector<RoutedMessage> turns() {
    std::vector<RoutedMessage> said;
    do {
      now_.mono += std::chrono::microseconds(10);
      now_.hub = now_.hub + std::chrono::microseconds(10);
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

// Acks what was delivered; how many messages that were.
std::uint64_t settle(LoneHub& hub, const std::vector<RoutedMessage>& said, std::uint64_t& number) {
  std::uint64_t acked = 0;
  for (const RoutedMessage& one : said) {
    const auto message = protocol::decode(one.message.header);
    if (!message) give_up(message.fault().text);
    const auto* deliver = std::get_if<protocol::Deliver>(&*message);
    if (deliver == nullptr) continue;
    protocol::Settle settle;
    settle.handle = 1;
    settle.number = ++number;
    for (const auto& row : deliver->rows) {
      auto& ack = settle.rows.emplace_back();
      ack.lease = deliver->lease;
      ack.offset = row.offset;
      ack.length = row.count;
      acked += row.count;
    }
    hub.hear(worker, settle);
  }
  return acked;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Arguments load = bench::read_arguments(
      argc, argv, "bench_pawl_hub_budget - CHUNKS BYTES [--pack N]", {{"--pack", 1'024}});
  const auto count = static_cast<std::uint32_t>(load["--pack"]);
  LoneHub hub;
  connect(hub, producer, protocol::Role::producer);
  connect(hub, worker, protocol::Role::worker);
  const Slice whole = chunk_of(count, load.bytes);
  std::uint64_t sequence = 1, settles = 0, beats = 0, acked = 0, taken_bytes = 0;
  for (std::uint64_t i = 0; i < load.count; ++i) {
    taken_bytes += whole.size;
    hub.hear(worker, protocol::Credit{1, acked + count, taken_bytes});
    hub.hear(worker, protocol::Beat{++beats, 0, settles, settles});
    protocol::Send send;
    auto& part = send.parts.emplace_back();
    part.handle = 1;
    part.epoch = 1;
    part.floor = part.seq = sequence;
    part.count = count;
    sequence += count;
    hub.hear(producer, send, {whole});
    hub.hear(producer, protocol::Beat{beats, 0, 0, 0});
    acked += settle(hub, hub.turns(), settles);
    hub.turns();
  }
  if (acked == load.count * count) return 0;
  give_up(std::to_string(acked) + " acked");
}
