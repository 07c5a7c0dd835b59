// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_store.hpp"

#include <optional>
#include <utility>

#include "core/store/event_queue.hpp"
#include "core/store/rocks_commit_thread.hpp"
#include "core/store/rocks_compactor.hpp"
#include "core/store/rocks_database.hpp"
#include "core/store/rocks_directory.hpp"
#include "core/store/rocks_free_space.hpp"
#include "core/store/rocks_read_thread.hpp"

namespace pawl {
namespace {

// What lives from one open to the next. Threads end before the database that they work on.
struct Session {
  explicit Session(std::unique_ptr<RocksDatabase> opened, EventQueue& finished)
      : database(std::move(opened)),
        compactor(*database),
        commits(*database, finished),
        reads(*database, finished) {}

  std::unique_ptr<RocksDatabase> database;
  Compactor compactor;
  CommitThread commits;
  ReadThread reads;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<RocksDirectory> directory, const RocksBudget& budget,
             std::uint64_t reserve_bytes)
      : directory_(std::move(directory)),
        budget_(budget),
        free_space_(*directory_, reserve_bytes) {}

  protocol::Durability durability() const override { return protocol::Durability::synced; }
  void submit(Commit commit) override;
  void read(ReadRequest request) override;
  Result<Page> read_now(const ReadRequest& request) override;
  void drain(std::vector<StoreEvent>& events) override { finished_.drain(events); }
  bool commit_has_ended() const override { return finished_.commit_has_ended(); }
  int ready_fd() const override { return finished_.ready_fd(); }
  void settle() override;
  Fault reopen() override;
  std::uint64_t free_bytes() override;
  void on_idle() override;

 private:
  std::unique_ptr<RocksDirectory> directory_;
  RocksBudget budget_;
  FreeSpace free_space_;
  EventQueue finished_;
  std::optional<Session> session_;  // empty after a reopen that failed
};

constexpr const char* closed_text = "the store is closed: it could not be reopened";

void RocksStore::submit(Commit commit) {
  if (!session_) return finished_.push(Unknown{commit.tag, closed_text, false});
  session_->compactor.count(commit);
  free_space_.written(bytes_of(commit));
  session_->commits.submit(std::move(commit));
  session_->compactor.run_if_due(Compactor::Need::garbage_exceeds_live);
}

void RocksStore::read(ReadRequest request) {
  if (!session_) return finished_.push(ReadFailed{request.tag, closed_text});
  session_->reads.read(std::move(request));
}

Result<Page> RocksStore::read_now(const ReadRequest& request) {
  if (!session_) return Fault{Code::retry, closed_text};
  Page page;
  const rocksdb::Status status = session_->database->page(request, page);
  if (!status.ok()) return open_fault(directory_->path(), status);
  return page;
}

void RocksStore::settle() {
  if (!session_) return;
  session_->commits.settle();
  session_->reads.settle();
}

Fault RocksStore::reopen() {
  session_.reset();
  finished_.clear();
  auto database = RocksDatabase::open(directory_->path(), budget_);
  if (!database) return database.fault();
  session_.emplace(std::move(*database), finished_);
  return {};
}

std::uint64_t RocksStore::free_bytes() {
  const std::uint64_t bytes = free_space_.bytes();
  if (bytes == 0 && session_) session_->compactor.run_if_due(Compactor::Need::no_space);
  return bytes;
}

void RocksStore::on_idle() {
  if (session_) session_->compactor.run_if_due(Compactor::Need::idle);
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(RocksStoreOptions options) {
  auto directory = RocksDirectory::open(std::move(options.directory));
  if (!directory) return directory.fault();
  const std::uint64_t total = (*directory)->space().total_bytes;
  const RocksBudget budget = RocksBudget::for_file_system(total);
  const std::uint64_t reserve =
      options.reserve_bytes != 0 ? options.reserve_bytes : budget.reserve_bytes(total);
  auto store = std::make_unique<RocksStore>(std::move(*directory), budget, reserve);
  if (Fault fault = store->reopen(); fault.code != Code::ok) return fault;
  return std::unique_ptr<Store>{std::move(store)};
}

}  // namespace pawl
