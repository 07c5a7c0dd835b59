// SPDX-License-Identifier: Apache-2.0
// The group as text, and what must hold in it: for tests that reload it after every commit and for
// simulations that look at it after every event.
#include <algorithm>

#include "core/check.hpp"
#include "patterns/work_queue/group.hpp"

namespace pawl {
namespace {

std::string number(std::uint64_t value) {
  return ' ' + std::to_string(value);
}

std::string describe(const ChunkRef& ref) {
  return number(ref.offset) + number(ref.count) + number(ref.chunk_id) + number(ref.bytes) +
         number(static_cast<std::uint64_t>(ref.stored_at.us));
}

std::string describe(const Run& run) {
  return number(run.first) + '+' + std::to_string(run.count) + '/' +
         std::to_string(static_cast<int>(run.state)) + (run.single ? "!" : "") +
         (run.state == RunState::leased ? '@' + std::to_string(run.lease) : "");
}

std::string describe(const FailingMessage& record) {
  std::string text = number(record.failures) + number(record.deaths) + number(record.handouts) +
                     (record.suspect ? " suspect" : "") +
                     number(static_cast<std::uint64_t>(record.due.us)) +
                     number(record.history_dropped);
  for (const Failure& failure : record.history.all()) {
    text += number(static_cast<std::uint64_t>(failure.at.us)) + '/' +
            std::to_string(static_cast<int>(failure.kind)) + '/' + failure.worker + '/' +
            failure.reason;
  }
  return text;
}

}  // namespace

std::string Group::digest() const {
  std::string text = "group" + number(scanned_to_) + number(scan_chunk_) + number(acked_) +
                     number(retried_) + number(failing_bytes_) + '\n';
  for (const auto& [offset, chunk] : active_) {
    text += " chunk" + describe(chunk.ref) + ':';
    for (const Run& run : chunk.runs.all()) text += describe(run);
    text += '\n';
  }
  for (const auto& [id, lease] : leases_) {
    text += " lease" + number(id) + number(lease.holder.session) + number(lease.holder.number) +
            number(lease.held) + '\n';
  }
  std::string rows;
  failing_.for_each_in_order([&](std::uint64_t offset, const Record& record) {
    text += " failing" + number(offset) + ':' + describe(record) + '\n';
    if (record.has_row) rows += number(offset);
  });
  for (const Due& next : due_.all()) {
    text += " due" + number(static_cast<std::uint64_t>(next.due.us)) + number(next.offset) + '\n';
  }
  text += " rows";
  for (const std::uint64_t offset : chunk_rows_) text += number(offset);
  return text + " /" + rows + '\n';
}

void Group::check_invariants() const {
  std::array<std::uint64_t, 6> totals{};
  std::size_t in_runs = 0;  // failure records that a run stands for
  std::size_t ready = 0, sparse = 0;
  for (const auto& [offset, chunk] : active_) {
    PAWL_CHECK(offset == chunk.ref.offset);
    check_chunk(chunk);
    for (const Run& run : chunk.runs.all()) {
      totals[static_cast<std::size_t>(run.state)] += run.count;
      in_runs += run.single ? 1 : 0;
    }
    const bool has_ready = chunk.runs.count(RunState::ready) > 0;
    PAWL_CHECK(has_ready == (ready_chunks_.count(offset) == 1));
    PAWL_CHECK(is_sparse(chunk) == (sparse_.count(offset) == 1) &&
               chunk.is_sparse == is_sparse(chunk));
    PAWL_CHECK(!chunk.is_dirty || dirty_chunks_.count(offset) == 1);
    ready += has_ready ? 1 : 0;
    sparse += chunk.is_sparse ? 1 : 0;
  }
  PAWL_CHECK(ready == ready_chunks_.size() && sparse == sparse_.size());
  PAWL_CHECK(totals == totals_);
  PAWL_CHECK(in_runs == failing_.size());
  PAWL_CHECK(suspects_.size() == totals[static_cast<std::size_t>(RunState::suspect)]);
  PAWL_CHECK(dying_.size() == totals[static_cast<std::size_t>(RunState::dying)]);
  PAWL_CHECK(due_.size() == totals[static_cast<std::size_t>(RunState::delayed)]);
  std::set<std::uint64_t> delayed;
  for (const Due& due : due_.all()) {
    const ActiveChunk& chunk = std::prev(active_.upper_bound(due.offset))->second;
    const Run* run = chunk.runs.find(static_cast<std::uint32_t>(due.offset - chunk.ref.offset));
    PAWL_CHECK(run != nullptr && run->state == RunState::delayed);
    PAWL_CHECK(delayed.insert(due.offset).second && failing_.at(due.offset).due == due.due);
    PAWL_CHECK(due.is_alone == failing_.at(due.offset).must_be_alone());
  }
  std::size_t bytes = 0;
  failing_.for_each_in_order(
      [&](std::uint64_t, const Record& one) { bytes += counted_bytes(one); });
  PAWL_CHECK(bytes == failing_bytes_);
  check_leases();
}

void Group::check_chunk(const ActiveChunk& chunk) const {
  std::uint32_t at = 0;
  std::array<std::uint32_t, 6> counts{};
  const Run* before = nullptr;
  for (const Run& run : chunk.runs.all()) {
    PAWL_CHECK(run.count > 0 && run.first >= at && run.end() <= chunk.ref.count);
    PAWL_CHECK(chunk.ref.offset + run.end() <= scanned_to_);
    PAWL_CHECK((run.state == RunState::leased) == (run.lease != 0));
    PAWL_CHECK(!run.single || run.count == 1);
    const bool joinable = before != nullptr && before->end() == run.first &&
                          before->state == run.state && before->lease == run.lease &&
                          !before->single && !run.single;
    PAWL_CHECK(!joinable);
    const std::uint64_t offset = chunk.ref.offset + run.first;
    PAWL_CHECK(!run.single || failing_.has(offset));  // and there are no others: in_runs
    if (run.state == RunState::suspect) PAWL_CHECK(run.single && suspects_.count(offset) == 1);
    if (run.state == RunState::dying) PAWL_CHECK(run.single && dying_.count(offset) == 1);
    if (run.state == RunState::delayed) PAWL_CHECK(run.single);
    if (run.state == RunState::leased) {
      const Lease& lease = leases_.at(run.lease);
      for (std::uint64_t held = offset; held < offset + run.count;) {
        const std::size_t part = lease.part_after(held);
        PAWL_CHECK(part < lease.parts.size() && lease.parts[part].offset <= held);
        held = lease.parts[part].end();
      }
    }
    counts[static_cast<std::size_t>(run.state)] += run.count;
    at = run.end();
    before = &run;
  }
  PAWL_CHECK(counts == chunk.indexed);
}

// Each lease holds what its runs say, each session what its leases say.
void Group::check_leases() const {
  std::map<LeaseId, std::uint64_t> held;
  for (const auto& [offset, chunk] : active_) {
    for (const Run& run : chunk.runs.all()) {
      if (run.state == RunState::leased) held[run.lease] += run.count;
    }
  }
  PAWL_CHECK(held.size() == leases_.size());
  std::map<SessionId, std::uint64_t> by_session;
  for (const auto& [id, lease] : leases_) {
    PAWL_CHECK(lease.held > 0 && held.at(id) == lease.held && lease.holder.lease == id);
    by_session[lease.holder.session] += lease.held;
  }
  PAWL_CHECK(by_session == held_by_);
}

}  // namespace pawl
