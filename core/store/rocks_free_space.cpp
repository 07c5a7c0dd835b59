// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_free_space.hpp"

namespace pawl {

std::uint64_t FreeSpace::bytes() {
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_at_ >= std::chrono::seconds{1} || written_bytes_ >= reserve_bytes_ / 8) {
    available_bytes_ = directory_.space().available_bytes;
    written_bytes_ = 0;
    asked_at_ = now;
  }
  const std::uint64_t kept = reserve_bytes_ + written_bytes_;
  return available_bytes_ > kept ? available_bytes_ - kept : 0;
}

}  // namespace pawl
