// SPDX-License-Identifier: Apache-2.0
// A worker's machine fed by an arbitrary hub: messages with arbitrary contents or any bytes, lost
// connections, time, and a user who starts, finishes, extends and gives back. The invariants hold
// after every event, everything that it says decodes, no more is started than the slots allow.
#include <algorithm>

#include "core/protocol/codec.hpp"
#include "patterns/peer/worker_machine.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/memory_bound.hpp"
#include "tests/fuzz/support/messages.hpp"

using namespace pawl;
using namespace pawl::fuzzing;
using namespace pawl::peer;
using namespace std::chrono_literals;

namespace {

// Beside what its story may take: more than twice the most that all together took in 10,000
// stories.
constexpr std::size_t worker_bytes_max = 1024 * 1024;
constexpr std::size_t steps_max = 400;
constexpr std::uint32_t slots = 16;

class Story {
 public:
  Story() : machine_({"orders", "worker", 64, 64 * 1024, slots}, 1) {
    WorkerEffects effects;
    machine_.apply(Want{}, now_, effects);
    machine_.tick(now_, effects);
    look_at(effects);
  }

  void step(Input& in) {
    constexpr Duration spans[] = {1ms, 250ms, 2s, 5s, 11s, 60s, 1h, 24h * 40};
    const std::uint8_t action = in.byte();
    WorkerEffects effects;
    if (action < 0x80) {
      receive(action, in, effects);
    } else if (action < 0x90) {
      now_ += spans[action % 8];
    } else if (action < 0xB0) {
      if (auto hand = machine_.start(static_cast<std::uint32_t>(1 + in.pick(20)), now_)) {
        hands_.push_back({hand->id, hand->count});
      }
    } else {
      use(action, in, effects);
    }
    machine_.tick(now_, effects);
    look_at(effects);
  }
  std::size_t bytes_told() const { return bytes_told_; }

 private:
  struct Hand {
    std::uint64_t id = 0;
    std::uint32_t count = 0;
    std::uint32_t done = 0;   // finished, from the front
    std::uint32_t begun = 0;  // begun at least up to here
  };

  void receive(std::uint8_t action, Input& in, WorkerEffects& effects) {
    if (action % 16 == 15) {
      WireMessage any{bytes_of(in.text(in.byte())), {}};
      if (in.flag()) any.frames.push_back(any_chunk(1, in));
      return receive(std::move(any), effects);
    }
    static constexpr std::size_t usual[] = {2, 4, 9, 9, 11, 12, 13};
    const std::size_t command = in.flag() ? usual[in.pick(7)] : 1 + in.pick(commands);
    auto message = any_message(command, in, heard_);
    if (auto* deliver = std::get_if<protocol::Deliver>(&message)) {
      deliver->handle = 1;
      if (in.byte() < 0xE0) deliver->number = ++delivered_;
    }
    heard_.note(message);
    receive({protocol::encode(message), any_frames(message, in)}, effects);
  }
  void receive(WireMessage message, WorkerEffects& effects) {
    bytes_told_ += wire_bytes(message);
    machine_.apply(Received{std::move(message)}, now_, effects);
  }
  void use(std::uint8_t action, Input& in, WorkerEffects& effects) {
    switch (action % 16) {
      case 0: return machine_.apply(SocketFailed{"broken"}, now_, effects);
      case 1: return machine_.apply(Unwant{}, now_, effects);
      case 2: return machine_.apply(Want{in.number()}, now_, effects);
      case 3: return machine_.apply(GiveBack{in.number()}, now_, effects);
      case 4:
        if (action == 0xF4) machine_.apply(Drain{}, now_, effects);
        return;
      case 5:
        if (action == 0xF5) machine_.apply(Leave{}, now_, effects);
        return;
      default: return use_hand(action, in, effects);
    }
  }
  void use_hand(std::uint8_t action, Input& in, WorkerEffects& effects) {
    if (hands_.empty()) return;
    Hand& hand = hands_[in.pick(hands_.size())];
    const auto left = hand.count - hand.done;
    const auto count = static_cast<std::uint32_t>(1 + in.pick(left));
    switch (action % 4) {
      case 0: return machine_.apply(Extend{hand.id, hand.done}, now_, effects);
      case 1:
        hand.begun = std::max(hand.begun, hand.done + count);
        return machine_.apply(Begun{hand.id, hand.done, count, in.flag()}, now_, effects);
      case 2:
        hand.count = std::max(hand.begun, hand.done);
        machine_.apply(Untouched{hand.id, hand.count}, now_, effects);
        break;
      default: finish(hand, count, in, effects);
    }
    if (hand.done == hand.count) hands_.erase(hands_.begin() + (&hand - hands_.data()));
  }
  void finish(Hand& hand, std::uint32_t count, Input& in, WorkerEffects& effects) {
    const auto verb = static_cast<protocol::Verb>(1 + in.pick(4));
    Finished finished{hand.id, hand.done, count, verb, {}, "why"};
    if (in.flag()) finished.delay_ms = in.number(0, 1'000'000);
    hand.done += count;
    machine_.apply(std::move(finished), now_, effects);
  }
  void look_at(const WorkerEffects& effects) {
    machine_.check_invariants();
    EXPECT(machine_.in_hand() <= slots);
    for (const WireMessage& sent : effects.peer.sends) {
      const auto message = protocol::decode(sent.header);
      EXPECT(message && protocol::frames_expected(*message) == sent.frames.size());
      if (std::holds_alternative<protocol::Hello>(*message))
        delivered_ = std::get<protocol::Hello>(*message).got;
    }
    machine_.next_deadline();
    machine_.open_ranges();
  }

  WorkerMachine machine_;
  Instant now_{1s};
  Heard heard_;
  std::vector<Hand> hands_;
  std::uint64_t delivered_ = 0;
  std::size_t bytes_told_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  MemoryBound bound("a worker", worker_bytes_max);
  Story story;
  std::size_t steps = 0;
  for (; steps < steps_max && !in.at_end(); ++steps) story.step(in);
  bound.allow_story(steps, story.bytes_told());
  return 0;
}
