// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/sent_messages.hpp"

#include <chrono>
#include <utility>

namespace pawl::devices {

using namespace std::chrono_literals;

// Answers come in runs of many: looking at each message would cost a lock each.
constexpr std::size_t looked_at_every = 1024;

void SentMessages::add(std::uint64_t number, Receipt receipt) {
  unanswered_.push_back({number, std::move(receipt)});
  if (unanswered_.size() % looked_at_every == 0) drop_answered();
}

std::uint64_t SentMessages::first_refused() {
  drop_answered();
  return first_refused_;
}

std::uint64_t SentMessages::first_unconfirmed() {
  drop_answered();
  return first_unconfirmed_;
}

void SentMessages::drop_answered() {
  for (; !unanswered_.empty() && unanswered_.front().receipt.ready(); unanswered_.pop_front()) {
    const Sent& front = unanswered_.front();
    const OutcomeStatus status = front.receipt.wait_for(0ms).status;
    if (status == OutcomeStatus::refused && first_refused_ == 0) first_refused_ = front.number;
    if (status != OutcomeStatus::confirmed && first_unconfirmed_ == 0) {
      first_unconfirmed_ = front.number;
    }
  }
}

}  // namespace pawl::devices
