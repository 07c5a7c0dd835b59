// SPDX-License-Identifier: Apache-2.0
// CommitThread: writes commits in the order of submission. Group commit: while one group is synced
// the next gathers, and one write and one sync cover it.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/store/event_queue.hpp"
#include "core/store/handover_queue.hpp"
#include "core/store/rocks_database.hpp"

namespace pawl {

class CommitThread {
 public:
  CommitThread(RocksDatabase& database, EventQueue& finished);
  ~CommitThread();  // what was submitted is written first
  CommitThread(const CommitThread&) = delete;
  CommitThread& operator=(const CommitThread&) = delete;

  void submit(Commit commit) { queue_.push(std::move(commit)); }
  void settle() { queue_.settle(); }

  // Writes made so far, and how many of them were synced: the measure of group commit.
  std::uint64_t writes() const { return writes_.load(std::memory_order_relaxed); }
  std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

 private:
  void run() noexcept;
  void write_all(std::span<const Commit> commits);
  void write_group(std::span<const Commit> group);
  rocksdb::Status write(std::span<const Commit> group);
  void fail(std::span<const Commit> group, const std::string& text, bool is_final);

  RocksDatabase& database_;
  EventQueue& finished_;
  HandoverQueue<Commit> queue_;
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> syncs_{0};

  // The thread's own.
  rocksdb::WriteBatch batch_;
  std::size_t batch_capacity_ = 0;
  std::vector<StoreEvent> events_;
  bool failed_ = false;

  std::thread thread_;
};

// How many of `commits` go into the next write. Commits that need no sync go before the first that
// does, in a write of their own: they are answered in microseconds. From a durable one on, all
// share its sync. A group ends once it holds `bytes_max`.
std::size_t group_size(std::span<const Commit> commits, std::size_t bytes_max);

}  // namespace pawl
