// SPDX-License-Identifier: Apache-2.0
#include "patterns/testing/faulty_store.hpp"

#include <utility>

namespace pawl::testing {
namespace {

constexpr const char* no_space_text = "IO error: No space left on device (by the test's script)";
constexpr const char* failed_text = "IO error: by the test's script";
constexpr const char* failed_before_text = "the store failed before and was not reopened";

}  // namespace

FaultyStore::FaultyStore(FaultyStoreOptions options) : options_(options), random_(options.seed) {}

void FaultyStore::submit(Commit commit) {
  if (failed_) return finished_.push(Unknown{commit.tag, failed_before_text, false});
  held_.push_back(std::move(commit));
  if (!options_.hold_commits) complete_all();
}

bool FaultyStore::complete_next() {
  if (held_.empty()) return false;
  if (full_ || fail_commit_) {
    fail_held(full_ ? no_space_text : failed_text, !full_ && fail_sync_);
    return true;
  }
  Commit commit = std::move(held_.front());
  held_.pop_front();
  const std::uint64_t tag = commit.tag;
  const bool durable = commit.durable;
  write(std::move(commit));
  if (durable && !options_.ignore_durable) sync();
  finished_.push(Committed{tag});
  return true;
}

void FaultyStore::complete_all() {
  while (complete_next()) {
  }
}

void FaultyStore::write(Commit commit) {
  written_.apply(commit);
  unsynced_.push_back(std::move(commit));
}

void FaultyStore::sync() {
  for (const Commit& commit : unsynced_) synced_.apply(commit);
  unsynced_.clear();
  ++syncs_;
}

void FaultyStore::fail_next_commit(bool sync_failed) {
  fail_commit_ = true;
  fail_sync_ = sync_failed;
}

void FaultyStore::fail_held(const std::string& text, bool sync_failed) {
  std::vector<StoreEvent> events;
  for (const Commit& commit : held_) {
    const bool first = events.empty();
    events.emplace_back(
        Unknown{commit.tag, first ? text : failed_before_text, first && sync_failed});
  }
  if (random_.below(2) == 1) {
    const auto kept = 1 + random_.below(held_.size());
    for (std::size_t i = 0; i < kept; ++i) uncertain_.push_back(std::move(held_[i]));
  }
  held_.clear();
  failed_ = true;
  finished_.push(events);
}

void FaultyStore::read(ReadRequest request) {
  reads_.push_back(std::move(request));
  if (!options_.hold_reads) complete_all_reads();
}

bool FaultyStore::complete_next_read() {
  if (reads_.empty()) return false;
  answer(reads_.front());
  reads_.pop_front();
  return true;
}

void FaultyStore::complete_all_reads() {
  while (complete_next_read()) {
  }
}

void FaultyStore::answer(const ReadRequest& request) {
  if (std::exchange(fail_read_, false)) {
    failed_ = true;
    return finished_.push(ReadFailed{request.tag, failed_text});
  }
  finished_.push(written_.page(request));
}

void FaultyStore::settle() {
  complete_all();
  complete_all_reads();
}

Fault FaultyStore::reopen() {
  if (full_) {
    failed_ = true;
    finished_.clear();
    return {Code::no_space, no_space_text};
  }
  if (!failed_) complete_all();
  forget_what_the_process_held();
  return {};
}

// A held commit waits in the process' memory, or is just being written.
void FaultyStore::keep_seeded_prefix_of_held() {
  const auto kept = random_.below(held_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) write(std::move(held_[i]));
  if (!options_.tear_commits || kept == held_.size()) return;
  Commit half = std::move(held_[kept]);
  half.puts.resize(half.puts.size() / 2);
  half.deletes.clear();
  write(std::move(half));
}

void FaultyStore::kill() {
  keep_seeded_prefix_of_held();
  forget_what_the_process_held();
}

std::size_t FaultyStore::crash(Survivors survivors) {
  keep_seeded_prefix_of_held();
  forget_what_the_process_held();
  const std::size_t written = unsynced_.size();
  unsynced_.resize(survivors == Survivors::seeded ? random_.below(written) : 0);
  const std::size_t survived = unsynced_.size();
  for (const Commit& commit : unsynced_) synced_.apply(commit);
  unsynced_.clear();
  written_ = synced_;
  return written - survived;
}

void FaultyStore::lose_chunks() {
  Commit loss;
  const ReadRequest all{Space::chunks, "", std::string(16, '\xff'), SIZE_MAX, 0};
  for (const Row& row : written_.page(all).rows) loss.deletes.push_back({Space::chunks, row.key});
  written_.apply(loss);
  synced_.apply(loss);
}

void FaultyStore::close_cleanly() {
  settle();
  forget_what_the_process_held();
  sync();
}

void FaultyStore::forget_what_the_process_held() {
  held_.clear();
  reads_.clear();
  for (Commit& commit : uncertain_) write(std::move(commit));
  uncertain_.clear();
  finished_.clear();
  failed_ = fail_commit_ = fail_sync_ = fail_read_ = false;
}

}  // namespace pawl::testing
