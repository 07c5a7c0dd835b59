// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_compactor.hpp"

#include <rocksdb/convenience.h>
#include <spdlog/spdlog.h>

#include "core/limits.hpp"
#include "core/store/store_thread.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t worth_a_run_bytes = 1024 * 1024;
constexpr std::uint64_t look_step_bytes = 32 * 1024 * 1024;  // as often as a memtable fills
constexpr auto between_runs = 1s;
constexpr auto between_idle_runs = 2s;
constexpr auto between_small_runs = 60s;  // for garbage below worth_a_run_bytes

}  // namespace

void GarbageCount::add(const Commit& commit) {
  for (const Put& put : commit.puts) {
    if (put.space != Space::chunks) continue;
    ++chunks_put;
    chunk_bytes_put += put.value_bytes();
  }
  for (const Delete& erased : commit.deletes) {
    ++(erased.space == Space::chunks ? chunks_deleted : state_deleted);
  }
}

std::uint64_t GarbageCount::garbage_bytes() const {
  const std::uint64_t mean =
      chunks_put == 0 ? limits::chunk_bytes_aim / 2 : chunk_bytes_put / chunks_put;
  return chunks_deleted * mean;
}

Compactor::Compactor(RocksDatabase& database)
    : database_(database), next_look_bytes_(look_step_bytes) {}

Compactor::~Compactor() {
  given_up_ = true;
  if (thread_.joinable()) {
    database_.db().DisableManualCompaction();
    thread_.join();
    database_.db().EnableManualCompaction();
  }
}

void Compactor::run_if_due(Need need) {
  const auto now = Clock::now();
  if (running_ || !is_due(need, now)) return;
  if (thread_.joinable()) thread_.join();  // it has ended
  running_ = true;
  started_at_ = now;
  next_look_bytes_ = look_step_bytes;
  thread_ = start_store_thread("pawl-compact", [this, garbage = count_] { run(garbage); });
  count_.chunks_deleted = 0;
  count_.state_deleted = 0;
}

bool Compactor::is_due(Need need, Clock::time_point now) {
  const std::uint64_t garbage = count_.garbage_bytes();
  const auto since = now - started_at_;
  if (need == Need::no_space) return garbage > 0 && since >= between_runs;
  if (need == Need::idle) {
    if (garbage >= worth_a_run_bytes) return since >= between_idle_runs;
    return count_.chunks_deleted + count_.state_deleted > 0 && since >= between_small_runs;
  }
  if (garbage < next_look_bytes_) return false;
  next_look_bytes_ = garbage + look_step_bytes;
  const std::uint64_t held = property(rocksdb::DB::Properties::kTotalBlobFileSize, Space::chunks) +
                             property(rocksdb::DB::Properties::kLiveSstFilesSize, Space::chunks);
  return garbage > held / 2 && held > look_step_bytes && since >= between_runs;
}

std::uint64_t Compactor::property(const std::string& name, Space space) const {
  std::uint64_t value = 0;
  database_.db().GetIntProperty(database_.family(space), name, &value);
  return value;
}

void Compactor::run(GarbageCount garbage) noexcept {
  try {
    const rocksdb::Status status = flush_and_compact(garbage);
    if (!status.ok() && !given_up_) {
      spdlog::warn("the store could not be compacted: " + status.ToString());
    }
  } catch (const std::exception& error) {
    spdlog::warn(std::string("the store could not be compacted: ") + error.what());
  }
  ++runs_;
  running_ = false;
}

rocksdb::Status Compactor::flush_and_compact(const GarbageCount& garbage) {
  rocksdb::Status status =
      database_.db().Flush({}, {database_.family(Space::chunks), database_.family(Space::state)});
  if (!status.ok()) return status;
  if (garbage.chunks_deleted > 0) status = compact(Space::chunks, false);
  if (!status.ok()) return status;
  const std::uint64_t dead =
      property(rocksdb::DB::Properties::kLiveBlobFileGarbageSize, Space::chunks);
  const std::uint64_t held = property(rocksdb::DB::Properties::kLiveBlobFileSize, Space::chunks);
  if (dead > held / 2 && dead > worth_a_run_bytes) status = compact(Space::chunks, true);
  if (!status.ok()) return status;
  // Worth a rewrite once a quarter of the rows are tombstones.
  const std::uint64_t rows = property(rocksdb::DB::Properties::kEstimateNumKeys, Space::state);
  if (garbage.state_deleted >= rows / 4) status = compact(Space::state, false);
  return status;
}

// With blob files a compaction moves keys only; a blob file goes when its last row is deleted. Live
// blobs are rewritten (1× what lives) only to free files that are dead for the greater part.
rocksdb::Status Compactor::compact(Space space, bool rewrite_live_blobs) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  if (rewrite_live_blobs) {
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
  }
  return database_.db().CompactRange(options, database_.family(space), nullptr, nullptr);
}

}  // namespace pawl
