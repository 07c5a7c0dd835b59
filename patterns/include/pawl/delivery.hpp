// SPDX-License-Identifier: Apache-2.0
// One message in a worker's hands.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pawl/message.hpp>

namespace pawl {

// One failure in a dead letter's history.
struct FailureRecord {
  std::chrono::system_clock::time_point at{};  // hub time
  std::string worker{};                        // the peer name of the worker
  std::string reason{};
  std::string kind{};  // "nack", "timeout", "death", "reject", "overflow"
};

namespace detail {
struct DeliveryAccess;
class Lease;     // of a run of messages: keeps the bytes, knows the way back to the worker
struct Details;  // the decoded meta
}  // namespace detail

// Move-only. In a handler it is borrowed: valid until the handler returns. Pulled (receive, poll,
// next) it is the caller's, and one dropped without an outcome is a nack "dropped without an
// outcome". The views it gives live as long as it does.
//
// Threads: one at a time; it may be handed to another thread. It may outlive its Worker (then ack
// and the like do nothing: the message was not settled).
class Delivery {
 public:
  Delivery() noexcept;
  Delivery(Delivery&& other) noexcept;
  Delivery& operator=(Delivery&& other) noexcept;
  ~Delivery();

  std::span<const std::byte> body() const { return body_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(body_.data()), body_.size()};
  }
  // The body as a T (<pawl/msgpack.hpp>). Throws BadBody: in a handler that is a nack.
  template <class T>
  T as() const {
    return BodyCodec<T, void>::decode(body_);
  }

  const Headers& headers() const;
  std::string_view key() const;

  std::string_view queue() const;
  std::uint32_t lane() const { return lane_; }
  std::uint64_t offset() const { return offset_; }
  std::string id() const;  // "queue/lane/offset", the same for every delivery of the message
  // 1 at first; failures so far + 1.
  std::uint32_t attempt() const { return attempt_; }
  // May have been handed out before.
  bool redelivered() const { return redelivered_; }

  // Fencing token: a later holder's is greater, within one store.
  std::uint64_t lease() const { return lease_; }
  // Until then no other worker has it (G2): the last beat that the hub has answered + lease, or, if
  // that is sooner, the queue's handler time-out from when this very message was begun or last
  // extended. In the past once it was lost.
  std::chrono::steady_clock::time_point valid_until() const;
  bool valid() const { return std::chrono::steady_clock::now() < valid_until(); }

  // Of a dead letter: where it came from ("queue/lane/offset", or empty), and what happened to it.
  std::string origin() const;
  std::vector<FailureRecord> history() const;
  std::uint64_t history_dropped() const;  // failures beyond the 32 that are kept

  // More time: resets the queue's handler time-out.
  void extend() const;

  // The outcome of a pulled message; the first one counts. False if the message was lost in the
  // meantime (stale): somebody else has it or will have it. Delays are 0 to ten years.
  bool ack();
  bool nack(std::string_view reason, std::optional<std::chrono::milliseconds> delay = std::nullopt);
  bool reject(std::string_view reason);
  bool give_back(std::optional<std::chrono::milliseconds> delay = std::nullopt);

 private:
  friend struct detail::DeliveryAccess;
  const detail::Details& details() const;
  bool is_lost() const;
  void drop();

  std::span<const std::byte> body_{};
  std::span<const std::byte> meta_{};
  std::uint64_t lease_ = 0;
  std::uint64_t offset_ = 0;
  mutable std::int64_t begun_us_ = 0;  // monotonic, for the handler time-out
  std::uint32_t lane_ = 0;
  std::uint32_t attempt_ = 1;
  std::uint32_t index_ = 0;  // in its hand
  bool redelivered_ = false;
  bool counted_ = false;  // pulled: holds a reference to hand_
  bool owned_ = false;    // and has no outcome yet
  detail::Lease* hand_ = nullptr;
  mutable std::unique_ptr<detail::Details> details_;
};

}  // namespace pawl
