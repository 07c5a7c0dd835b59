// SPDX-License-Identifier: Apache-2.0
// FaultyStore: a store in memory that fails the way a machine does, by a seed and a script. It
// keeps apart what `kill -9` cannot take from what power loss can:
//
//   submit -> [held] -> written -> synced      written: in the page cache; seen by reads
//                |         |                   synced:  on the disk; a durable commit syncs all
//                before it
//      kill()    may go    stays
//      crash()   may go    may go              in order: one lost commit means all later ones are
//      lost
//
// A test that promises anything across power loss must turn red with `ignore_durable`: it is the
// fault "the sync was deleted", and the check that the test looks at what it claims to look at.
#pragma once

#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/store/event_queue.hpp"
#include "core/store/memory_rows.hpp"
#include "core/store/store.hpp"

namespace pawl::testing {

struct FaultyStoreOptions {
  std::uint64_t seed = 1;
  bool ignore_durable = false;  // reports durable commits without syncing them
  bool hold_commits = false;    // they complete only by complete_next() and complete_all()
  bool hold_reads = false;
  bool is_read_again = true;  // false, as a hub in memory has it: nothing survives anything
  bool tear_commits = false;  // a kill may leave the first half of a commit: no store is so bad
};

class FaultyStore final : public Store {
 public:
  explicit FaultyStore(FaultyStoreOptions options = {});

  // Store.
  protocol::Durability durability() const override { return protocol::Durability::synced; }
  bool is_read_again() const override { return options_.is_read_again; }
  void submit(Commit commit) override;
  void read(ReadRequest request) override;
  Result<Page> read_now(const ReadRequest& request) override { return written_.page(request); }
  void drain(std::vector<StoreEvent>& events) override { finished_.drain(events); }
  bool commit_has_ended() const override { return finished_.commit_has_ended(); }
  int ready_fd() const override { return finished_.ready_fd(); }
  void settle() override;  // completes what is held
  Fault reopen() override;
  std::uint64_t free_bytes() override { return full_ ? 0 : free_bytes_; }
  void on_idle() override {}

  // Time, under the test's control.
  void hold_commits(bool hold) { options_.hold_commits = hold; }
  void hold_reads(bool hold) { options_.hold_reads = hold; }
  bool complete_next();  // false if none is held
  void complete_all();
  bool complete_next_read();
  void complete_all_reads();
  std::size_t commits_held() const { return held_.size(); }
  std::size_t reads_held() const { return reads_.size(); }

  // Faults. After kill() and crash() the store is as the next process opens it; what was not
  // drained is gone.
  enum class Survivors { seeded, none };
  void kill();
  // Loses what no completed durable commit has synced; with `seeded` a prefix of it survives, never
  // all: the last is torn. Returns how many written commits were lost.
  std::size_t crash(Survivors survivors = Survivors::seeded);
  // The next commit that would complete is Unknown, with all behind it. By the seed, it and a
  // prefix of those are in the store after reopen(), or none is.
  void fail_next_commit(bool sync_failed = false);
  void fail_next_read() { fail_read_ = true; }
  // No space: free_bytes() is 0, every commit and reopen() fails, until it is freed.
  void set_full(bool full) { full_ = full; }
  void set_free_bytes(std::uint64_t bytes) { free_bytes_ = bytes; }
  // The disk loses every chunk, and nothing else.
  void lose_chunks();
  // The process ends cleanly: all is completed and synced.
  void close_cleanly();

  // For the auditor.
  const MemoryRows& synced() const { return synced_; }
  const MemoryRows& written() const { return written_; }
  std::size_t unsynced_commits() const { return unsynced_.size(); }
  std::uint64_t syncs() const { return syncs_; }
  bool failed() const { return failed_; }

 private:
  void write(Commit commit);
  void sync();
  void fail_held(const std::string& text, bool sync_failed);
  void keep_seeded_prefix_of_held();
  void answer(const ReadRequest& request);
  void forget_what_the_process_held();

  FaultyStoreOptions options_;
  Random random_;
  MemoryRows synced_;
  MemoryRows written_;             // synced_ and then unsynced_
  std::vector<Commit> unsynced_;   // in order
  std::deque<Commit> held_;        // submitted, not completed
  std::vector<Commit> uncertain_;  // reported Unknown, and in the store once it is opened again
  std::deque<ReadRequest> reads_;
  EventQueue finished_;
  std::uint64_t free_bytes_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t syncs_ = 0;
  bool full_ = false;
  bool failed_ = false;
  bool fail_commit_ = false;
  bool fail_sync_ = false;
  bool fail_read_ = false;
};

}  // namespace pawl::testing
