// SPDX-License-Identifier: Apache-2.0
#include <pawl/delivery.hpp>

#include <utility>

#include "core/chunk/meta.hpp"
#include "patterns/peer/bench.hpp"
#include "patterns/peer/clock.hpp"

namespace pawl {

namespace detail {

struct Details {
  Meta meta;
};

void DeliveryAccess::point_at_run(Delivery& delivery, Lease& lease, const peer::Run& run) {
  delivery.lease_ = run.lease;
  delivery.lane_ = run.lane;
  delivery.attempt_ = run.attempt;
  delivery.redelivered_ = (run.flags & protocol::deliver_flags::redelivered) != 0;
  delivery.hand_ = &lease;
}

Delivery DeliveryAccess::own(const LeaseRef& lease, const peer::Run& run, const Entry& entry,
                             std::uint32_t index) {
  Delivery delivery;
  point_at_run(delivery, *lease, run);
  point(delivery, run, entry, index, peer::read_clock().time_since_epoch().count());
  retain(lease.get());
  delivery.counted_ = true;
  delivery.owned_ = true;
  return delivery;
}

std::optional<std::string> DeliveryAccess::decode_meta_of(Delivery& delivery) {
  auto meta = decode_meta(delivery.meta_);
  if (!meta) return meta.fault().text;
  delivery.details_.reset(new Details{std::move(*meta)});
  return std::nullopt;
}

void DeliveryAccess::forget_details(Delivery& delivery) {
  delivery.details_.reset();
}

void DeliveryAccess::disown(Delivery& delivery) {
  delivery.owned_ = false;
}

}  // namespace detail

Delivery::Delivery() noexcept = default;

Delivery::Delivery(Delivery&& other) noexcept {
  *this = std::move(other);
}

Delivery& Delivery::operator=(Delivery&& other) noexcept {
  if (this == &other) return *this;
  drop();
  body_ = std::exchange(other.body_, {});
  meta_ = std::exchange(other.meta_, {});
  lease_ = other.lease_;
  offset_ = other.offset_;
  index_ = other.index_;
  begun_us_ = other.begun_us_;
  lane_ = other.lane_;
  attempt_ = other.attempt_;
  redelivered_ = other.redelivered_;
  counted_ = std::exchange(other.counted_, false);
  owned_ = std::exchange(other.owned_, false);
  hand_ = std::exchange(other.hand_, nullptr);
  details_ = std::move(other.details_);
  return *this;
}

Delivery::~Delivery() {
  drop();
}

void Delivery::drop() {
  if (owned_) nack("dropped without an outcome");
  if (counted_) detail::release(hand_);
  counted_ = owned_ = false;
  hand_ = nullptr;
}

const detail::Details& Delivery::details() const {
  static const detail::Details nothing{};
  if (!details_ && !meta_.empty()) {
    auto meta = decode_meta(meta_);
    details_.reset(new detail::Details{meta ? std::move(*meta) : Meta{}});
  }
  return details_ ? *details_ : nothing;
}

const Headers& Delivery::headers() const {
  return details().meta.headers;
}
std::string_view Delivery::key() const {
  return details().meta.key;
}

std::string_view Delivery::queue() const {
  return hand_ == nullptr ? std::string_view() : hand_->bench->options().queue;
}

std::string Delivery::id() const {
  return std::string(queue()) + "/" + std::to_string(lane_) + "/" + std::to_string(offset_);
}

std::string Delivery::origin() const {
  const auto& origin = details().meta.origin;
  if (!origin) return {};
  return origin->queue + "/" + std::to_string(origin->lane) + "/" + std::to_string(origin->offset);
}

std::vector<FailureRecord> Delivery::history() const {
  std::vector<FailureRecord> records;
  for (const Failure& failure : details().meta.history) {
    using Clock = std::chrono::system_clock;
    const Clock::time_point at(
        std::chrono::duration_cast<Clock::duration>(std::chrono::microseconds(failure.at.us)));
    records.push_back({at, failure.worker, failure.reason, std::string(name_of(failure.kind))});
  }
  return records;
}

std::uint64_t Delivery::history_dropped() const {
  return details().meta.history_dropped;
}

bool Delivery::is_lost() const {
  if (hand_ == nullptr || hand_->lost.load(std::memory_order_acquire)) return true;
  return index_ < 64 && (hand_->expired.load(std::memory_order_acquire) >> index_ & 1) != 0;
}

std::chrono::steady_clock::time_point Delivery::valid_until() const {
  if (is_lost()) return {};
  std::int64_t until = hand_->bench->believed_until_us.load();
  const std::int64_t timeout = hand_->bench->handler_timeout_us.load();
  if (timeout > 0) until = std::min(until, begun_us_ + timeout);
  return peer::steady(Instant(Duration(until)));
}

void Delivery::extend() const {
  if (is_lost()) return;
  begun_us_ = peer::read_clock().time_since_epoch().count();
  hand_->bench->report(peer::Extend{hand_->hand.id, index_});
}

namespace {

// Told in any case, since a resume may show that the message is still ours. True only while our
// belief in the lease lasts (G2).
bool tell(const detail::Lease& lease, peer::Finished outcome) {
  const std::int64_t now = peer::read_clock().time_since_epoch().count();
  const bool believed = now < lease.bench->believed_until_us.load();
  return lease.bench->report(std::move(outcome)) && believed;
}

}  // namespace

bool Delivery::ack() {
  if (!std::exchange(owned_, false) || is_lost()) return false;
  return tell(*hand_, peer::Finished{hand_->hand.id, index_, 1, protocol::Verb::ack, {}, {}});
}

bool Delivery::nack(std::string_view reason, std::optional<std::chrono::milliseconds> delay) {
  if (!std::exchange(owned_, false) || is_lost()) return false;
  return tell(*hand_, peer::Finished{hand_->hand.id, index_, 1, protocol::Verb::nack,
                                     peer::delay_ms_of(delay), std::string(reason)});
}

bool Delivery::reject(std::string_view reason) {
  if (!std::exchange(owned_, false) || is_lost()) return false;
  return tell(
      *hand_,
      peer::Finished{hand_->hand.id, index_, 1, protocol::Verb::reject, {}, std::string(reason)});
}

bool Delivery::give_back(std::optional<std::chrono::milliseconds> delay) {
  if (!std::exchange(owned_, false) || is_lost()) return false;
  return tell(
      *hand_,
      peer::Finished{
          hand_->hand.id, index_, 1, protocol::Verb::give_back, peer::delay_ms_of(delay), {}});
}

}  // namespace pawl
