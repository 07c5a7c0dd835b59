// SPDX-License-Identifier: Apache-2.0
// Which of the messages that were sent is the first without a confirm, by its number in the input:
// where whoever reads the end of `pawl send` goes on. Keeps the receipts that are not answered.
#pragma once

#include <cstdint>
#include <deque>

#include <pawl/receipt.hpp>

namespace pawl::devices {

class SentMessages {
 public:
  void add(std::uint64_t number, Receipt receipt);
  // Once the producer is closed, so that everything has its outcome. 0: there is none.
  std::uint64_t first_refused();
  std::uint64_t first_unconfirmed();

 private:
  struct Sent {
    std::uint64_t number = 0;
    Receipt receipt;
  };
  void drop_answered();

  std::deque<Sent> unanswered_;  // from the first that was not answered when last looked at
  std::uint64_t first_refused_ = 0;
  std::uint64_t first_unconfirmed_ = 0;
};

}  // namespace pawl::devices
