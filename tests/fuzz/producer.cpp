// SPDX-License-Identifier: Apache-2.0
// A producer's machine fed by an arbitrary hub: messages with arbitrary contents or any bytes,
// lost connections, time, and a user who sends. The invariants hold after every event, everything
// that it says decodes, each message that was given is answered once at most, and at the end of the
// session every one of them is.
#include <map>

#include "core/chunk/chunk.hpp"
#include "core/protocol/codec.hpp"
#include "patterns/peer/producer_machine.hpp"
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
constexpr std::size_t producer_bytes_max = 1024 * 1024;
constexpr std::size_t steps_max = 400;

ProducerMachine::Options options(Input& in) {
  ProducerMachine::Options made;
  made.queue = "orders";
  made.source = "alice";
  made.anonymous = in.flag();
  made.durability = static_cast<Durability>(1 + in.pick(3));
  if (in.flag()) made.full_patience = 5s;
  return made;
}

class Story {
 public:
  explicit Story(Input& in) : chooses_(in.flag()), machine_(options(in), 1) {
    ProducerEffects effects;
    machine_.tick(now_, effects);
    look_at(effects);
  }

  void step(Input& in) {
    constexpr Duration spans[] = {1ms, 250ms, 2s, 5s, 11s, 60s, 1h, 24h * 40};
    const std::uint8_t action = in.byte();
    ProducerEffects effects;
    if (action < 0x80) {
      receive(action, in, effects);
    } else if (action < 0xC0) {
      give(in, effects);
    } else if (action < 0xF0) {
      now_ += spans[action % 8];
    } else if (action < 0xFF) {
      machine_.apply(SocketFailed{"broken"}, now_, effects);
    } else {
      leave(effects);
    }
    machine_.tick(now_, effects);
    look_at(effects);
  }
  void end() {
    ProducerEffects effects;
    leave(effects);
    look_at(effects);
    EXPECT(waiting_.empty());
  }
  std::size_t bytes_told() const { return bytes_told_; }

 private:
  void receive(std::uint8_t action, Input& in, ProducerEffects& effects) {
    if (action % 16 == 15) {
      WireMessage any{bytes_of(in.text(in.byte())), {}};
      if (in.flag()) any.frames.push_back(any_chunk(1, in));
      return receive(std::move(any), effects);
    }
    // Half of them are what makes the session go on.
    static constexpr std::size_t usual[] = {2, 4, 8, 6, 7, 12, 16};
    const std::size_t command = in.flag() ? usual[in.pick(7)] : 1 + in.pick(commands);
    const auto message = any_message(command, in, {});
    receive({protocol::encode(message), any_frames(message, in)}, effects);
  }
  void receive(WireMessage message, ProducerEffects& effects) {
    bytes_told_ += wire_bytes(message);
    machine_.apply(Received{std::move(message)}, now_, effects);
  }
  void give(Input& in, ProducerEffects& effects) {
    if (left_) return;
    const auto count = static_cast<std::uint32_t>(1 + in.pick(20));
    ChunkBuilder builder;
    const std::vector<std::byte> body(in.byte());
    for (std::uint32_t i = 0; i < count; ++i) builder.append({}, body);
    Given given{next_tag_++, builder.take(), count, 0};
    // Either the user chooses every sequence, ascending, or none (Outbox::require_ascending).
    if (chooses_) {
      given.first = chosen_end_ + in.number(0, std::uint64_t{1} << 32);
      chosen_end_ = given.first + count;
    }
    waiting_[given.tag] = count;
    bytes_told_ += count * body.size();
    machine_.apply(std::move(given), now_, effects);
  }
  void leave(ProducerEffects& effects) {
    left_ = true;
    machine_.apply(Leave{}, now_, effects);
  }
  void look_at(const ProducerEffects& effects) {
    machine_.check_invariants();
    for (const WireMessage& sent : effects.peer.sends) {
      const auto message = protocol::decode(sent.header);
      EXPECT(message && protocol::frames_expected(*message) == sent.frames.size());
    }
    for (const Answer& answer : effects.answers) {
      const auto batch = waiting_.find(answer.tag);
      EXPECT(batch != waiting_.end() && answer.count > 0 && answer.count <= batch->second);
      batch->second -= answer.count;
      if (batch->second == 0) waiting_.erase(batch);
    }
    machine_.next_deadline();
  }

  bool chooses_;
  std::uint64_t chosen_end_ = 1;
  ProducerMachine machine_;
  Instant now_{1s};
  bool left_ = false;
  std::size_t bytes_told_ = 0;
  std::uint64_t next_tag_ = 1;
  std::map<std::uint64_t, std::uint32_t> waiting_;  // by tag: messages without an answer
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  MemoryBound bound("a producer", producer_bytes_max);
  Story story(in);
  std::size_t steps = 0;
  for (; steps < steps_max && !in.at_end(); ++steps) story.step(in);
  story.end();
  bound.allow_story(steps, story.bytes_told());
  return 0;
}
