// SPDX-License-Identifier: Apache-2.0
#include "patterns/hub/turn.hpp"

#include <algorithm>
#include <iterator>

#include "core/check.hpp"

namespace pawl {
namespace {

constexpr const char* damaged_rows =
    "the store has a row that is damaged or of another version, or lacks one that must be there";

void append(std::vector<RoutedMessage>& out, std::vector<RoutedMessage>&& messages) {
  out.insert(out.end(), std::make_move_iterator(messages.begin()),
             std::make_move_iterator(messages.end()));
  messages.clear();
}

}  // namespace

std::optional<Turn::Failure> Turn::take_store_events(std::vector<RoutedMessage>& out) {
  events_.clear();
  store_.drain(events_);
  for (const StoreEvent& event : events_) {
    if (const auto* committed = std::get_if<Committed>(&event)) {
      on_committed(committed->tag, out);
    } else if (const auto* page = std::get_if<Page>(&event)) {
      if (inline_reads_ > 0) --inline_reads_;
      // A row that this version did not write: reading it again would find the same.
      if (!machine_.on_page(*page)) return Failure{damaged_rows, true};
    } else if (const auto* unknown = std::get_if<Unknown>(&event)) {
      return Failure{unknown->text, unknown->is_final};
    } else {
      const auto& failed = std::get<ReadFailed>(event);
      return Failure{machine_.read_under(failed.tag) + ": " + failed.text, failed.is_final};
    }
  }
  return std::nullopt;
}

void Turn::on_committed(std::uint64_t tag, std::vector<RoutedMessage>& out) {
  UnderWay& done = under_way_.front();
  PAWL_CHECK(done.tag == tag);
  for (std::size_t i = 0; i < done.seals; ++i) machine_.on_committed();
  append(out, std::move(done.gated));
  bytes_under_way_ -= done.bytes;
  under_way_.pop_front();
}

std::optional<Duration> Turn::time_to_seal(Now now) const {
  if (bytes_under_way_ >= staged_max_) return std::nullopt;
  if (under_way_.size() < under_way_soon_max) return Duration{};
  return std::max(last_submit_ + pause_beyond - now.mono, Duration{});
}

std::optional<Duration> Turn::time_to_more(Now now) const {
  if (inline_reads_ > 0) return Duration{};
  return machine_.has_work() ? time_to_seal(now) : std::nullopt;
}

void Turn::finish(Now now, std::vector<RoutedMessage>& out) {
  append(out, machine_.take_at_once());
  if (time_to_seal(now) == Duration{}) {
    HubMachine::Sealed sealed = machine_.seal(now);
    if (!sealed.commit.empty()) {
      sealed.commit.tag = next_tag_++;
      bytes_under_way_ += sealed.bytes;
      under_way_.push_back({sealed.commit.tag, sealed.bytes, 1, std::move(sealed.gated)});
      last_submit_ = now.mono;
      store_.submit(std::move(sealed.commit));
    } else if (!under_way_.empty()) {
      // It has seen what those under way hold.
      UnderWay& last = under_way_.back();
      ++last.seals;
      last.bytes += sealed.bytes;
      bytes_under_way_ += sealed.bytes;
      append(last.gated, std::move(sealed.gated));
    } else {
      machine_.on_committed();
      append(out, std::move(sealed.gated));
    }
  }
  for (ReadRequest& read : machine_.take_reads()) {
    if (store_.ready_fd() < 0) ++inline_reads_;
    store_.read(std::move(read));
  }
}

}  // namespace pawl
