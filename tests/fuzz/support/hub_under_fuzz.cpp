// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/support/hub_under_fuzz.hpp"

#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "core/protocol/codec.hpp"
#include "core/protocol/deliver_chunks.hpp"
#include "tests/fuzz/support/expect.hpp"

namespace pawl::fuzzing {
namespace {

// A hub that asks for one turn after the other at one instant would spin.
constexpr int turns_max = 10'000;

}  // namespace

HubUnderFuzz::HubUnderFuzz(HubConfig config, Store& store, Now now, std::uint64_t entropy_seed)
    : config_(std::move(config)), store_(store), entropy_(entropy_seed), now_(now) {}

Fault HubUnderFuzz::start(const std::string& machine_boot) {
  auto recovered = HubMachine::recover(config_, store_, entropy_, machine_boot, now_);
  if (!recovered) return recovered.fault();
  machine_ = std::move(*recovered);
  turn_.emplace(*machine_, store_);
  machine_->check_invariants();
  return {};
}

void HubUnderFuzz::drop() {
  turn_.reset();
  machine_.reset();
}

void HubUnderFuzz::say(const std::string& connection, std::vector<std::byte> header,
                       std::vector<Slice> frames) {
  // As the shell: what would not fit into a commit waits in the socket.
  if (!turn_->may_take_more() && (!turn() || !turn_->may_take_more())) return;
  WireMessage message{std::move(header), std::move(frames)};
  bytes_told_ += wire_bytes(message);
  machine_->on_message({connection, std::move(message)}, now_);
  machine_->check_invariants();
}

void HubUnderFuzz::say(const std::string& connection, const protocol::Message& message,
                       std::vector<Slice> frames) {
  say(connection, protocol::encode(message), std::move(frames));
}

void HubUnderFuzz::unreachable(const std::string& connection) {
  machine_->on_unsent({{connection, {protocol::encode(protocol::Beat{.number = 1}), {}}}});
  machine_->check_invariants();
}

void HubUnderFuzz::socket_lost() {
  machine_->on_socket_lost();
  machine_->check_invariants();
}

void HubUnderFuzz::advance(Duration by) {
  now_.mono += by;
  now_.hub = now_.hub + by;
}

bool HubUnderFuzz::turn() {
  std::vector<RoutedMessage> out;
  for (int turns = 0;; ++turns) {
    EXPECT(turns < turns_max);
    out.clear();
    if (const auto failure = turn_->take_store_events(out)) {
      EXPECT(!failure->text.empty());
      failure_ = failure->text;
      drop();
      return false;
    }
    machine_->set_free_bytes(store_.free_bytes());
    machine_->tick(now_, true);
    const bool was_under_way = turn_->commit_under_way();
    turn_->finish(now_, out);
    machine_->check_invariants();
    for (const RoutedMessage& message : out) check_said(message);
    machine_->on_unsent({});
    EXPECT(machine_->staged_bytes() <= limits::commit_bytes_max);
    EXPECT(machine_->bodies_in_memory() <= limits::chunk_cache_bytes + limits::chunk_bytes_max);
    const bool moved = !out.empty() || turn_->commit_under_way() != was_under_way;
    if (!moved && !turn_->has_more_now()) return true;
    if (was_under_way && turn_->commit_under_way()) return true;  // held by the store
  }
}

void HubUnderFuzz::check_said(const RoutedMessage& said) {
  const auto message = protocol::decode(said.message.header);
  if (!message) std::fprintf(stderr, "the hub said: %s\n", message.fault().text.c_str());
  EXPECT(message);
  EXPECT(protocol::frames_expected(*message) == said.message.frames.size());
  heard_.note(*message);
  const auto* deliver = std::get_if<protocol::Deliver>(&*message);
  if (deliver == nullptr || !trusts_rows_) return;
  protocol::each_chunk(
      *deliver, said.message.frames, limits::body_bytes_max,
      [](const auto&, const Slice&, const Fault& fault) { EXPECT(fault.code == Code::ok); });
}

}  // namespace pawl::fuzzing
