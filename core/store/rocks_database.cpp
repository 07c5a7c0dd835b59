// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_database.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "core/store/rocks_checksum.hpp"
#include "core/store/rocks_directory.hpp"
#include "core/store/store_thread.hpp"

namespace pawl {
namespace {

rocksdb::Slice view(const std::string& text) {
  return text;
}

rocksdb::Slice view(const Slice& slice) {
  if (!slice) return {};
  const Bytes bytes = slice.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Buffer copy_of(const rocksdb::Slice& value) {
  return Buffer::copy_of(std::as_bytes(std::span{value.data(), value.size()}));
}

}  // namespace

Result<std::unique_ptr<RocksDatabase>> RocksDatabase::open(const std::filesystem::path& directory,
                                                           const RocksBudget& budget) {
  const std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, rocks_default_options()},
      {"chunks", rocks_chunks_options(budget)},
      {"state", rocks_state_options(budget)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  if (!checksums_are_fast()) {
    spdlog::info(
        "RocksDB computes its checksums from tables here: link pawl into the program, not into a "
        "plug-in, for twice the durable rate");
  }
  const SignalsBlocked blocked;  // for the threads that RocksDB starts in here
  const rocksdb::Status status =
      rocksdb::DB::Open(rocks_db_options(budget), directory.string(), families, &handles, &db);
  if (!status.ok()) return open_fault(directory, status);
  std::unique_ptr<RocksDatabase> database{new RocksDatabase};
  database->db_.reset(db);
  database->default_ = handles[0];
  database->chunks_ = handles[1];
  database->state_ = handles[2];
  return database;
}

RocksDatabase::~RocksDatabase() {
  // After a failed write the log must not be touched again, for the same assertion's sake; and what
  // it holds is unknown anyway.
  const rocksdb::Status synced = failed_ ? rocksdb::Status::OK() : db_->SyncWAL();
  for (rocksdb::ColumnFamilyHandle* family : {default_, chunks_, state_}) {
    db_->DestroyColumnFamilyHandle(family);
  }
  const rocksdb::Status closed = db_->Close();
  for (const rocksdb::Status& status : {synced, closed}) {
    if (!status.ok())
      spdlog::warn("closing the store " + db_->GetName() + ": " + status.ToString());
  }
}

void RocksDatabase::add(const Commit& commit, rocksdb::WriteBatch& batch) const {
  for (const Put& put : commit.puts) {
    const auto value = std::visit([](const auto& bytes) { return view(bytes); }, put.value);
    PAWL_CHECK(batch.Put(family(put.space), put.key, value).ok());
  }
  for (const Delete& erased : commit.deletes) {
    PAWL_CHECK(batch.Delete(family(erased.space), erased.key).ok());
  }
}

rocksdb::Status RocksDatabase::write(rocksdb::WriteBatch& batch, bool sync) {
  // SyncWAL, not WriteOptions::sync: Debian's RocksDB 7.8.3 is built with its assertions on, and
  // one of them ends the process when a file is touched after a failed write, unless that file was
  // synced this way before (facebook/rocksdb pull request 10555). A full disk must not end a
  // device.
  rocksdb::Status status = db_->Write(rocksdb::WriteOptions{}, &batch);
  if (status.ok() && sync) status = db_->SyncWAL();
  failed_ = failed_ || !status.ok();
  return status;
}

// The bound ends the iteration inside RocksDB: past it lie the tombstones of other logs, which
// would otherwise be walked one by one.
rocksdb::Status RocksDatabase::page(const ReadRequest& request, Page& page) const {
  page = {.tag = request.tag, .rows = {}, .complete = true};
  if (request.to <= request.from) return rocksdb::Status::OK();
  rocksdb::ReadOptions options;
  const rocksdb::Slice end = request.to;
  options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> row{db_->NewIterator(options, family(request.space))};
  std::size_t bytes = 0;
  for (row->Seek(request.from); row->Valid(); row->Next()) {
    if (!page.rows.empty() && bytes >= request.bytes_max) {
      page.complete = false;
      break;
    }
    bytes += row->key().size() + row->value().size();
    page.rows.push_back({row->key().ToString(), copy_of(row->value())});
  }
  return row->status();
}

bool is_final_failure(const rocksdb::Status& status) {
  if (status.IsCorruption()) return true;
  if (!status.IsIOError()) return false;
  const std::string text = status.ToString();
  for (const char* call : {"While fdatasync", "While fsync", "While sync",
                           "While open a file for "
                           "fsync"}) {
    if (text.find(call) != std::string::npos) return true;
  }
  return false;
}

}  // namespace pawl
