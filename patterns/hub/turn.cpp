// SPDX-License-Identifier: Apache-2.0
#include "patterns/hub/turn.hpp"

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
      PAWL_CHECK(commit_under_way_ && committed->tag == next_tag_ - 1);
      commit_under_way_ = false;
      machine_.on_committed();
      append(out, std::move(waiting_));
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

void Turn::finish(Now now, std::vector<RoutedMessage>& out) {
  append(out, machine_.take_at_once());
  if (!commit_under_way_) {
    HubMachine::Sealed sealed = machine_.seal(now);
    if (sealed.commit.empty()) {
      machine_.on_committed();
      append(out, std::move(sealed.gated));
    } else {
      sealed.commit.tag = next_tag_++;
      waiting_ = std::move(sealed.gated);
      commit_under_way_ = true;
      store_.submit(std::move(sealed.commit));
    }
  }
  for (ReadRequest& read : machine_.take_reads()) {
    if (store_.ready_fd() < 0) ++inline_reads_;
    store_.read(std::move(read));
  }
}

}  // namespace pawl
