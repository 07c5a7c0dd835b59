// SPDX-License-Identifier: Apache-2.0
// A hub fed with arbitrary frames (G8): the bytes are a story of connections that send well-formed
// messages with arbitrary contents, or any bytes at all, of time, of lost connections, and of a
// store that is slow, full, fails, is killed or loses its power. The invariants hold after every
// event; every message that the hub sends decodes; after a kill the rows load; and memory stays
// within a bound for the length of the story (G6).
#include "patterns/testing/faulty_store.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/hub_under_fuzz.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;
using namespace std::chrono_literals;
using pawl::testing::FaultyStore;

namespace {

// Beside what its story may take: twice the most that all together took in 5,000 stories.
constexpr std::size_t hub_bytes_max = 512 * 1024;
constexpr std::size_t steps_max = 400;

HubConfig config() {
  HubConfig hub;
  hub.timing = {10s, 2s, 500ms};
  hub.defaults.handler_timeout = 30s;
  hub.defaults.max_attempts = 3;
  QueuePolicy small;
  small.max_messages = 8;
  small.overflow = Overflow::drop_oldest;
  small.message_bytes_max = 64;
  hub.queues["small"] = small;
  return hub;
}

class Story {
 public:
  Story() : hub_(config(), store_, {Instant(1s), HubTime{1'700'000'000'000'000}}, 1) { start(); }

  void step(Input& in) {
    constexpr Duration spans[] = {1ms, 250ms, 2s, 5s, 11s, 40s, 1h, 24h * 40};
    const std::uint8_t action = in.byte();
    const std::string connection(1, static_cast<char>('a' + action % 4));
    if (action < 0xC0) return speak(connection, action, in);
    switch (action & 0x0F) {
      case 0: return hub_.unreachable(connection);
      case 1: return hub_.socket_lost();
      case 2: return hub_.advance(spans[in.pick(8)]);
      case 3: return kill();
      case 4: return cut_power();
      case 5: return store_.hold_commits(true);
      case 6: return store_.hold_commits(false), store_.complete_all();
      case 7: return store_.fail_next_commit(in.flag());
      case 8: return store_.fail_next_read();
      case 9: return store_.set_full(in.flag());
      case 10: return store_.hold_reads(true);
      case 11: return store_.hold_reads(false), store_.complete_all_reads();
      case 12: return hub_.machine().postpone(spans[in.pick(5)]);
      default: return turn();
    }
  }
  std::size_t bytes_told() const { return hub_.bytes_told(); }
  // However it went: it comes to rest, and what is in the store can be loaded.
  void end() {
    store_.set_full(false);
    store_.hold_commits(false);
    store_.hold_reads(false);
    store_.settle();
    turn();
    kill();
    turn();
  }

 private:
  void speak(const std::string& connection, std::uint8_t action, Input& in) {
    if (action % 16 == 15) {
      const std::size_t frame_count = in.pick(3);
      std::vector<std::byte> header = bytes_of(in.text(in.byte()));
      std::vector<Slice> frames;
      while (frames.size() < frame_count) frames.push_back(any_chunk(1, in));
      hub_.say(connection, std::move(header), std::move(frames));
    } else {
      const auto message = any_message(1 + in.pick(commands), in, hub_.heard());
      auto frames = any_frames(message, in);
      hub_.say(connection, message, std::move(frames));
    }
    if (action % 2 == 0 || !hub_.is_up()) turn();
  }
  void turn() {
    if (hub_.is_up() && hub_.turn()) return;
    // As the shell: reopened and recovered, unless the disk is still full.
    if (store_.reopen().code != Code::ok) {
      store_.set_full(false);
      EXPECT(store_.reopen().code == Code::ok);
    }
    start();
  }
  void kill() {
    hub_.drop();
    store_.kill();
    start();
  }
  void cut_power() {
    hub_.drop();
    store_.crash();
    ++boots_;
    start();
  }
  void start() {
    store_.hold_commits(false);
    store_.hold_reads(false);
    store_.set_full(false);
    const Fault fault = hub_.start("boot-" + std::to_string(boots_));
    EXPECT(fault.code == Code::ok);
  }

  FaultyStore store_;
  HubUnderFuzz hub_;
  std::uint64_t boots_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  MemoryBound bound("a hub", hub_bytes_max);
  Story story;
  std::size_t steps = 0;
  for (; steps < steps_max && !in.at_end(); ++steps) story.step(in);
  story.end();
  bound.allow_story(steps, story.bytes_told());
  return 0;
}
