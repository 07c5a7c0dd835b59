// SPDX-License-Identifier: Apache-2.0
// A hand: messages that are handed out together, to a handler thread or to whoever pulls. Retries
// come as a run each, and what is done once a hand is not paid for by each of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/find_near.hpp"
#include "core/protocol/messages.hpp"

namespace pawl::peer {

// A run of messages of one delivery row, in the order of delivery.
struct Run {
  std::uint64_t order = 0;
  std::uint64_t lease = 0;
  std::uint32_t lane = 0;
  std::uint64_t offset = 0;
  std::uint32_t count = 0;
  std::uint32_t attempt = 1;
  std::uint32_t flags = 0;
  Slice chunk;
  std::uint32_t first = 0;  // in its hand: the number of its first message
};

// Runs one after the other, whose messages are numbered through, from 0.
struct Hand {
  std::uint64_t id = 0;
  std::uint32_t count = 0;                       // of messages; runs may hold more
  std::shared_ptr<const std::vector<Run>> runs;  // at least one; shared with the machine
};

// What messages [first, first + count) are of each of the runs that they lie in: calls
// `call(run, range)`. `near`: where was looked last (find_near).
template <class Call>
void each_part(const std::vector<Run>& runs, std::size_t& near, std::uint32_t first,
               std::uint32_t count, Call call) {
  const auto is_before = [&](const Run& run) { return run.first + run.count <= first; };
  for (std::size_t at = find_near(runs, near, is_before); count > 0; ++at) {
    const Run& run = runs[at];
    const std::uint32_t within = first - run.first;
    const std::uint32_t part = std::min(count, run.count - within);
    call(run, protocol::Range{run.lane, run.offset + within, part});
    first += part;
    count -= part;
  }
}

// Walks the messages of a hand, which outlives it.
class HandReader {
 public:
  explicit HandReader(const Hand& hand)
      : run_(hand.runs->data()), left_(run_->count), reader_(run_->chunk.bytes()) {}

  // The next message, as views into the chunk of the run that it is of. There is one.
  const Run& next(Entry& entry) {
    if (left_ == 0) {
      left_ = (++run_)->count;
      reader_ = ChunkReader(run_->chunk.bytes());
    }
    --left_;
    PAWL_CHECK(reader_.next(entry));
    return *run_;
  }

 private:
  const Run* run_;
  std::uint32_t left_;  // in the run
  ChunkReader reader_;
};

}  // namespace pawl::peer
