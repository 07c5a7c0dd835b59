// SPDX-License-Identifier: Apache-2.0
// Compactor: gives the space of deleted rows back to the file system, in the background, at most
// one run at a time. RocksDB left alone keeps it for as long as nothing new is written.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "core/store/rocks_database.hpp"

namespace pawl {

// Rows written and deleted, by which a run is judged due. The store's owner counts them.
struct GarbageCount {
  std::uint64_t chunks_put = 0;
  std::uint64_t chunk_bytes_put = 0;
  std::uint64_t chunks_deleted = 0;
  std::uint64_t state_deleted = 0;

  void add(const Commit& commit);
  // A delete does not say what it deletes: taken as the mean of what was put.
  std::uint64_t garbage_bytes() const;
};

class Compactor {
 public:
  enum class Need : std::uint8_t {
    garbage_exceeds_live,  // under load: only if it is worth it
    idle,                  // nothing else to do: if there is anything to gain
    no_space,              // SENDs are refused: as often as it can help
  };

  explicit Compactor(RocksDatabase& database);
  ~Compactor();  // a run under way is given up
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  // The owner's thread. Starts a run if one is due; does not wait for it.
  void count(const Commit& commit) { count_.add(commit); }
  void run_if_due(Need need);

  std::uint64_t runs() const { return runs_.load(); }  // finished ones
  bool running() const { return running_.load(); }

 private:
  using Clock = std::chrono::steady_clock;

  bool is_due(Need need, Clock::time_point now);
  std::uint64_t property(const std::string& name, Space space) const;
  void run(GarbageCount garbage) noexcept;
  rocksdb::Status flush_and_compact(const GarbageCount& garbage);
  rocksdb::Status compact(Space space, bool rewrite_live_blobs);

  RocksDatabase& database_;
  GarbageCount count_;                 // since the last run began
  std::uint64_t next_look_bytes_ = 0;  // garbage at which it is next compared with what lives
  Clock::time_point started_at_{};
  std::atomic<bool> running_{false};
  std::atomic<bool> given_up_{false};
  std::atomic<std::uint64_t> runs_{0};
  std::thread thread_;
};

}  // namespace pawl
