// SPDX-License-Identifier: Apache-2.0
// Outbox: where the callers of send() and the producer's I/O thread meet. A message is added under
// a lock that costs its caller next to nothing; whole chunks change hands under another.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include <pawl/producer.hpp>

#include "patterns/peer/batch.hpp"
#include "patterns/peer/biased_mutex.hpp"
#include "patterns/peer/forming_chunk.hpp"
#include "patterns/peer/producer_machine.hpp"

namespace pawl::peer {

class Outbox {
 public:
  Outbox(const ProducerOptions& options, std::shared_ptr<CallbackGate> gate)
      : options_(options), gate_(std::move(gate)) {}

  // Callers of send() --------------------------------------------------------------------------
  struct Added {
    Receipt receipt;
    bool wake = false;  // the I/O thread sleeps and has something to do
  };
  // `sequence` 0: to be numbered. Throws as Producer::send says.
  Added add(Bytes meta, Bytes body, std::uint64_t sequence);
  // Everything that was added before is answered.
  bool wait_answered(Instant deadline);
  SendResult progress() const;

  // The I/O thread -----------------------------------------------------------------------------
  // Full chunks, and the forming one too if `all`.
  std::vector<Given> take(bool all);
  void answer(const std::vector<Answer>& answers);
  // True: nothing to do, the next add() that brings something asks for a wake-up.
  bool may_sleep(bool takes_all);
  void awake();
  // From now on add() throws: Closed, or Refused for a final no.
  void close();
  // The I/O thread is gone: what is not answered never will be.
  void abandon();
  void refuse(Code code, const std::string& text);

 private:
  struct Outstanding {
    detail::BatchRef batch;
    std::uint32_t count = 0, unanswered = 0;
    std::uint64_t bytes = 0;
  };
  // Written by one side, read by both.
  struct Total {
    std::atomic<std::uint64_t> messages{0}, bytes{0};
    void add(std::uint64_t more_messages, std::uint64_t more_bytes) {
      messages.store(messages.load(std::memory_order_relaxed) + more_messages,
                     std::memory_order_relaxed);
      bytes.store(bytes.load(std::memory_order_relaxed) + more_bytes, std::memory_order_relaxed);
    }
  };
  bool wait_for_room(std::unique_lock<BiasedMutex>& lock, std::size_t bytes);
  bool has_room(std::size_t bytes) const;
  std::uint64_t unconfirmed_messages() const;
  void throw_if_over() const;
  void require_ascending(std::uint64_t sequence);
  void seal();
  Receipt refused(Code code, std::string text);
  void count(const Answer& answer);

  const ProducerOptions& options_;
  std::shared_ptr<CallbackGate> gate_;
  std::atomic<bool> over_{false};  // closed_ or refusal_

  // Of those who call send(); the I/O thread comes here only when it has nothing else to do. It is
  // taken before mutex_, never after.
  mutable BiasedMutex callers_;
  FormingChunk forming_;
  detail::StockedBatch forming_batch_;
  std::uint64_t forming_first_ = 0;  // chosen sequence of its first message
  std::uint64_t last_chosen_ = 0;
  bool numbered_here_ = false;  // send() was used: send_at may not be
  bool hungry_ = false;         // the I/O thread may sleep, and there is something for it
  Total sent_;

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable answered_all_;
  std::vector<Given> ready_;
  std::deque<Outstanding> outstanding_;  // sealed and not answered, by tag
  std::uint64_t first_tag_ = 1;          // of outstanding_.front()
  Total answered_;
  bool sleeping_ = false;
  bool closed_ = false;
  std::optional<Fault> refusal_;
  SendResult counts_;  // without those of sent_
};

}  // namespace pawl::peer
