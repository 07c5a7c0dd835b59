// SPDX-License-Identifier: Apache-2.0
// Outbox: where the callers of send() and the producer's I/O thread meet. One short lock; whole
// chunks change hands.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include <pawl/producer.hpp>

#include "patterns/peer/batch.hpp"
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
  struct Window {
    bool open = true;
    std::string reason;
  };
  Window wait_for_room(std::unique_lock<std::mutex>& lock, std::size_t bytes);
  bool has_room(std::size_t bytes) const;
  void throw_if_over() const;
  void require_ascending(std::uint64_t sequence);
  void seal();
  Receipt refused(Code code, std::string text);
  void count(const Answer& answer);

  const ProducerOptions& options_;
  std::shared_ptr<CallbackGate> gate_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable answered_;

  FormingChunk forming_;
  detail::StockedBatch forming_batch_;
  std::uint64_t forming_first_ = 0;  // chosen sequence of its first message
  std::uint64_t last_chosen_ = 0;
  bool numbered_here_ = false;  // send() was used: send_at may not be
  std::vector<Given> ready_;
  std::deque<Outstanding> outstanding_;  // sealed and not answered, by tag
  std::uint64_t first_tag_ = 1;          // of outstanding_.front()
  std::uint64_t unconfirmed_messages_ = 0, unconfirmed_bytes_ = 0;
  bool sleeping_ = false, hungry_ = false;
  bool closed_ = false;
  std::optional<Fault> refusal_;
  SendResult counts_;
};

}  // namespace pawl::peer
