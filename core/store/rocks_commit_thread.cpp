// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_commit_thread.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/limits.hpp"
#include "core/store/store_thread.hpp"

namespace pawl {
namespace {

constexpr std::size_t group_bytes_max = 2 * limits::commit_bytes_max;
// A larger batch is freed after its write. A busy hub's commits have up to 3 MiB (Turn).
constexpr std::size_t batch_bytes_kept = 4 * 1024 * 1024;
// Of a row in a batch beside its key and value: a tag, a family and two lengths.
constexpr std::size_t row_overhead = 16;

std::size_t batch_size(std::span<const Commit> group) {
  std::size_t bytes = 0;
  for (const Commit& commit : group) {
    bytes += bytes_of(commit) + row_overhead * (commit.puts.size() + commit.deletes.size());
  }
  return bytes;
}

}  // namespace

CommitThread::CommitThread(RocksDatabase& database, EventQueue& finished)
    : database_(database),
      finished_(finished),
      thread_(start_store_thread("pawl-commit", [this] { run(); })) {}

CommitThread::~CommitThread() {
  queue_.close();
  thread_.join();
}

void CommitThread::run() noexcept {
  std::vector<Commit> commits;
  while (queue_.take(commits)) write_all(commits);
}

void CommitThread::write_all(std::span<const Commit> commits) {
  while (!commits.empty()) {
    const std::size_t size = group_size(commits, group_bytes_max);
    write_group(commits.first(size));
    commits = commits.subspan(size);
  }
}

void CommitThread::write_group(std::span<const Commit> group) {
  if (failed_) return fail(group, "the store failed before and was not reopened", false);
  try {
    const rocksdb::Status status = write(group);
    if (!status.ok()) return fail(group, status.ToString(), is_final_failure(status));
    for (const Commit& commit : group) events_.emplace_back(Committed{commit.tag});
    finished_.push(events_);
  } catch (const std::exception& error) {
    fail(group, error.what(), false);
  }
}

rocksdb::Status CommitThread::write(std::span<const Commit> group) {
  // At once: a batch that grows is copied each time, which took a third of this thread's time.
  const std::size_t bytes = batch_size(group);
  if (bytes > batch_capacity_) {
    const std::size_t capacity = std::max(bytes, std::min(batch_capacity_ * 2, batch_bytes_kept));
    batch_ = rocksdb::WriteBatch(capacity);
    batch_capacity_ = capacity;  // after what may fail
  }
  batch_.Clear();
  bool sync = false;
  for (const Commit& commit : group) {
    database_.add(commit, batch_);
    sync = sync || commit.durable;
  }
  const rocksdb::Status status = database_.write(batch_, sync);
  if (batch_capacity_ > batch_bytes_kept) {
    batch_ = rocksdb::WriteBatch{};
    batch_capacity_ = 0;
  }
  writes_.fetch_add(1, std::memory_order_relaxed);
  if (sync) syncs_.fetch_add(1, std::memory_order_relaxed);
  return status;
}

void CommitThread::fail(std::span<const Commit> group, const std::string& text, bool is_final) {
  failed_ = true;
  events_.clear();
  for (const Commit& commit : group) events_.emplace_back(Unknown{commit.tag, text, is_final});
  finished_.push(events_);
}

std::size_t group_size(std::span<const Commit> commits, std::size_t bytes_max) {
  const bool durable = commits.front().durable;
  std::size_t bytes = 0;
  std::size_t size = 0;
  for (const Commit& commit : commits) {
    if (!durable && commit.durable) break;
    bytes += bytes_of(commit);
    if (size > 0 && bytes > bytes_max) break;
    ++size;
  }
  return size;
}

}  // namespace pawl
