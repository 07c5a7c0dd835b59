// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_read_thread.hpp"

#include <exception>
#include <utility>

#include "core/store/store_thread.hpp"

namespace pawl {

ReadThread::ReadThread(const RocksDatabase& database, EventQueue& finished)
    : database_(database),
      finished_(finished),
      thread_(start_store_thread("pawl-read", [this] { run(); })) {}

ReadThread::~ReadThread() {
  queue_.close();
  thread_.join();
}

void ReadThread::run() noexcept {
  std::vector<ReadRequest> requests;
  while (queue_.take(requests)) {
    for (const ReadRequest& request : requests) finished_.push(answer(request));
  }
}

StoreEvent ReadThread::answer(const ReadRequest& request) const {
  try {
    Page page;
    const rocksdb::Status status = database_.page(request, page);
    if (status.ok()) return page;
    return ReadFailed{request.tag, status.ToString(), is_final_failure(status)};
  } catch (const std::exception& error) {
    return ReadFailed{request.tag, error.what()};
  }
}

}  // namespace pawl
