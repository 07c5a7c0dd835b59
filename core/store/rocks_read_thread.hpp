// SPDX-License-Identifier: Apache-2.0
// ReadThread: reads pages, so that a cold chunk never stops a turn. A read that is queued after a
// commit was reported sees it: the report came after the write.
#pragma once

#include <thread>

#include "core/store/event_queue.hpp"
#include "core/store/handover_queue.hpp"
#include "core/store/rocks_database.hpp"

namespace pawl {

class ReadThread {
 public:
  ReadThread(const RocksDatabase& database, EventQueue& finished);
  ~ReadThread();  // what was asked is answered first
  ReadThread(const ReadThread&) = delete;
  ReadThread& operator=(const ReadThread&) = delete;

  void read(ReadRequest request) { queue_.push(std::move(request)); }
  void settle() { queue_.settle(); }

 private:
  void run() noexcept;
  StoreEvent answer(const ReadRequest& request) const;

  const RocksDatabase& database_;
  EventQueue& finished_;
  HandoverQueue<ReadRequest> queue_;
  std::thread thread_;
};

}  // namespace pawl
