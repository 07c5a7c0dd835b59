// SPDX-License-Identifier: Apache-2.0
// What is done in passing so that a hub can run for years: chunks that pin more than they hold are
// emptied, and the rows of producers that have been idle for long are evicted (G6).
#include <algorithm>

#include "core/check.hpp"
#include "patterns/hub/hub_machine.hpp"

namespace pawl {
namespace {

// A chunk that stays sparse for so long is not about to be settled: rewriting what is left of it
// costs less than keeping the rest.
constexpr auto sparse_for = std::chrono::seconds(1);
constexpr std::size_t sparse_chunks_max = 4096;  // noted at a time: half a GB of them
// Of one commit, all queues together: bytes written, with a run's rows, and an eighth of those
// read.
constexpr std::size_t evacuation_max = 1024 * 1024;
constexpr std::size_t run_rows_bytes = 256;

// Producers' rows: a page a second; at most a million, however young.
constexpr auto sweep_every = std::chrono::seconds(1);
constexpr auto round_every = std::chrono::minutes(1);
constexpr std::size_t sweep_page_bytes = 64 * 1024;
constexpr std::uint64_t producer_rows_max = 1'000'000;

}  // namespace

void HubMachine::watch_sparse(Queue& queue, Now now) {
  const std::set<std::uint64_t>& sparse = queue.group.sparse();
  has_sparse_ = has_sparse_ || !sparse.empty();
  std::erase_if(queue.sparse_since, [&](const auto& entry) {
    if (sparse.count(entry.first) == 0) return true;
    if (now.mono - entry.second >= sparse_for) queue.to_evacuate.insert(entry.first);
    return false;
  });
  for (const std::uint64_t offset : sparse) {
    if (queue.sparse_since.size() >= sparse_chunks_max) break;
    queue.sparse_since.try_emplace(offset, now.mono);
  }
  if (!queue.to_evacuate.empty()) touched_.insert(queue.log.id());
}

// Goes on turn by turn, each with a commit of its own, until nothing is left that was chosen.
void HubMachine::evacuate_sparse(Queue& queue, std::size_t& spent, Commit& commit) {
  if (free_bytes_ == 0) return;
  while (!queue.to_evacuate.empty()) {
    if (spent > evacuation_max) {
      again_.insert(queue.log.id());
      return;
    }
    const std::uint64_t offset = *queue.to_evacuate.begin();
    if (queue.group.sparse().count(offset) != 0) {
      const ChunkRef ref = *queue.group.chunk_of(offset);
      const Slice* body = body_of(queue, ref);
      if (body == nullptr) return;  // touched again when it has come, and the next ones with it
      const std::size_t puts_before = commit.puts.size();
      const std::uint64_t written = queue.group.evacuate(offset, *body, next_chunk_id_, commit);
      queue.log.on_evacuated(written);
      spent += written + ref.bytes / 8 + (commit.puts.size() - puts_before) * run_rows_bytes;
    }
    queue.to_evacuate.erase(offset);
    queue.sparse_since.erase(offset);
  }
}

// Rows of producers that were idle for the age limit (a week) are evicted and counted; OPENED then
// says that a name not known may have been known once. Above a million rows the limit is halved for
// the next round, so that the oldest go first.
void HubMachine::sweep_producers(Now now) {
  if (now.mono < next_sweep_ || queues_.empty()) return;
  next_sweep_ = now.mono + sweep_every;
  if (sweep_log_ == 0) {
    sweep_log_ = queues_.begin()->first;
    sweep_left_ = records::all_producers(sweep_log_);
    if (sweep_rows_ > producer_rows_max) {
      sweep_age_max_ /= 2;
    } else {
      sweep_age_max_ = std::chrono::hours(24 * 7);
    }
    sweep_rows_ = 0;
  }
  const std::uint64_t tag = next_read_++;
  pending_reads_[tag] = {PendingRead::Kind::sweep, sweep_log_, 0, 0, 0};
  reads_.push_back({Space::state, sweep_left_.from, sweep_left_.to, sweep_page_bytes, tag});
  next_sweep_ = never;  // until the page is here
}

bool HubMachine::on_producer_rows(const Page& page, LogId log) {
  Queue& queue = queues_.at(log);
  for (const Row& row : page.rows) {
    ++sweep_rows_;
    const auto producer = records::decode_producer(row.value.bytes());
    if (!producer) return false;
    const std::string source(records::source_in_producer_key(row.key));
    const bool in_use = queue.producers.count(source) != 0;
    if (in_use || now_.hub - producer->last_seen <= sweep_age_max_) continue;
    queue.forgotten_keys.push_back(row.key);
    ++queue.forgotten;
  }
  next_sweep_ = now_.mono + sweep_every;
  if (!page.complete && !page.rows.empty()) {
    sweep_left_.from = page.rows.back().key + '\0';
    return true;
  }
  const auto next = queues_.upper_bound(log);
  sweep_log_ = next == queues_.end() ? 0 : next->first;
  if (sweep_log_ == 0) next_sweep_ = now_.mono + round_every;
  if (sweep_log_ != 0) sweep_left_ = records::all_producers(sweep_log_);
  return true;
}

}  // namespace pawl
