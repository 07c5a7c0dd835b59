// SPDX-License-Identifier: Apache-2.0
// Store: an ordered set of rows in two spaces, written in atomic commits. Nothing in it is
// RocksDB's own, so that a replicated store can come behind the same interface.
//
// Threads: every call comes from the one thread that owns the store (the hub's reactor). An
// implementation may work on threads of its own; what they finish is handed back by drain().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/buffer.hpp"
#include "core/protocol/messages.hpp"
#include "core/random.hpp"
#include "core/result.hpp"

namespace pawl {

// chunks: global, ascending, write-once chunk ids. state: small rows. Both order keys bytewise.
enum class Space : std::uint8_t { chunks, state };

struct Put {
  Space space = Space::state;
  std::string key;
  std::variant<std::string, Slice> value;  // ≤ limits::value_bytes_max
  std::size_t value_bytes() const;
};

struct Delete {
  Space space = Space::state;
  std::string key;
};

// Applied as a whole or not at all, puts before deletes (no key is in both). ≤ commit_bytes_max.
struct Commit {
  std::vector<Put> puts;
  std::vector<Delete> deletes;
  bool durable = false;  // synced before it is reported: holds new messages or an epoch
  std::uint64_t tag = 0;
  bool empty() const { return puts.empty() && deletes.empty(); }
};
std::size_t bytes_of(const Commit& commit);  // of all keys and values

struct ReadRequest {
  Space space = Space::state;
  std::string from;           // first key
  std::string to;             // first key not wanted
  std::size_t bytes_max = 0;  // a page ends after the row that crosses this; at least one row
  std::uint64_t tag = 0;
};

struct Row {
  std::string key;
  Slice value;
};

struct Page {
  std::uint64_t tag = 0;
  std::vector<Row> rows;
  bool complete = false;  // no further row before `to`
};

struct Committed {
  std::uint64_t tag = 0;
};
// The commit may or may not be in the store, now or after a reopen: never "not stored". The store
// takes no further commits; the owner drops its machines, calls reopen() and recovers.
struct Unknown {
  std::uint64_t tag = 0;
  std::string text;
  bool is_final = false;  // a sync failed, or the store is damaged: the process must end
};
// A read that failed: an I/O error, or, `is_final`, damage. Treated like Unknown.
struct ReadFailed {
  std::uint64_t tag = 0;
  std::string text;
  bool is_final = false;
};
using StoreEvent = std::variant<Committed, Unknown, Page, ReadFailed>;

class Store {
 public:
  virtual ~Store() = default;

  // What a confirm from this store is worth.
  virtual protocol::Durability durability() const = 0;

  // Whether a later hub will read these rows. If not, a hub leaves out those that only recovery
  // reads: half of what a failing message costs it.
  virtual bool is_read_again() const { return true; }

  // Queues a commit. Commits become visible and durable in the order of submission; several may be
  // under way (group commit: one sync may cover many).
  virtual void submit(Commit commit) = 0;

  // Queues a read. It sees at least every commit that drain() has reported.
  virtual void read(ReadRequest request) = 0;

  // The same, at once, on the calling thread: for recovery, before anything is served.
  virtual Result<Page> read_now(const ReadRequest& request) = 0;

  // Moves what has finished since the last call to the end of `events`.
  virtual void drain(std::vector<StoreEvent>& events) = 0;

  // drain() will tell of a commit; costs next to nothing. A store may always say no: it is drained
  // in each turn all the same.
  virtual bool commit_has_ended() const { return false; }

  // Readable when drain() may have something; -1 when drain() is complete right after submit().
  virtual int ready_fd() const = 0;

  // Waits until nothing is under way; for a clean shutdown and for reopen.
  virtual void settle() = 0;

  // After Unknown: closes and opens what is below, in the same process. Events not drained are
  // dropped. A Fault leaves it closed: commits are Unknown and reads fail until a reopen succeeds.
  virtual Fault reopen() = 0;

  // Bytes that may still be written before the reserve is touched; huge for a memory store with no
  // bound. Cheap: may be up to a second old.
  virtual std::uint64_t free_bytes() = 0;

  // Nothing has happened for a while: give garbage back to the file system. Does not block.
  virtual void on_idle() = 0;
};

}  // namespace pawl
