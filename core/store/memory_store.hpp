// SPDX-License-Identifier: Apache-2.0
// MemoryStore: rows in a map. Lost with the process; its confirms say `memory`.
#pragma once

#include "core/store/memory_rows.hpp"
#include "core/store/store.hpp"

namespace pawl {

struct MemoryStoreOptions {
  std::uint64_t bytes_max = 1024ULL * 1024 * 1024;  // at this, SENDs are refused NO_SPACE
  bool is_read_again = false;                       // by a test's next hub
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {});

  protocol::Durability durability() const override { return protocol::Durability::memory; }
  bool is_read_again() const override { return options_.is_read_again; }
  void submit(Commit commit) override;
  void read(ReadRequest request) override;
  Result<Page> read_now(const ReadRequest& request) override;
  void drain(std::vector<StoreEvent>& events) override;
  int ready_fd() const override { return -1; }
  void settle() override {}
  Fault reopen() override { return {}; }
  std::uint64_t free_bytes() override;
  void on_idle() override {}

  std::size_t rows(Space space) const { return rows_.count(space); }

 private:
  MemoryStoreOptions options_;
  MemoryRows rows_;
  std::vector<StoreEvent> events_;
};

}  // namespace pawl
