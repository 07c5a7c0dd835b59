// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <utility>
#include <vector>

#include "patterns/work_queue/records.hpp"
#include "tests/support/simulation/mutation.hpp"

namespace pawl::testing {
namespace {

Bytes bytes_of(const Put& put) {
  if (const auto* text = std::get_if<std::string>(&put.value)) {
    return std::as_bytes(std::span(*text));
  }
  return std::get<Slice>(put.value).bytes();
}

bool is_kind(const Put& put, const std::string& example) {
  return put.space == Space::state && put.key[0] == example[0];
}

// A store that changes commits on their way.
class Before : public Store {
 public:
  explicit Before(Store& store) : store_(store) {}
  protocol::Durability durability() const override { return store_.durability(); }
  bool is_read_again() const override { return store_.is_read_again(); }
  void submit(Commit commit) override {
    change(commit);
    store_.submit(std::move(commit));
  }
  void read(ReadRequest request) override { store_.read(std::move(request)); }
  Result<Page> read_now(const ReadRequest& request) override { return store_.read_now(request); }
  void drain(std::vector<StoreEvent>& events) override { store_.drain(events); }
  bool commit_has_ended() const override { return store_.commit_has_ended(); }
  int ready_fd() const override { return store_.ready_fd(); }
  void settle() override { store_.settle(); }
  Fault reopen() override { return store_.reopen(); }
  std::uint64_t free_bytes() override { return store_.free_bytes(); }
  void on_idle() override {}

 protected:
  virtual void change(Commit&) {}
  Store& store_;
};

class AnswersBeforeCommit final : public Before {
 public:
  // With `settles_only` what holds new messages is answered when it is there.
  AnswersBeforeCommit(Store& store, bool settles_only)
      : Before(store), settles_only_(settles_only) {}
  void drain(std::vector<StoreEvent>& events) override {
    std::vector<StoreEvent> real;
    store_.drain(real);
    for (StoreEvent& event : std::exchange(early_, {})) events.push_back(std::move(event));
    for (StoreEvent& event : real) {
      const auto* done = std::get_if<Committed>(&event);
      if (done == nullptr || told_.erase(done->tag) == 0) events.push_back(std::move(event));
    }
  }

 private:
  void change(Commit& commit) override {
    if (settles_only_ && commit.durable) return;
    early_.emplace_back(Committed{commit.tag});
    told_.insert(commit.tag);
  }
  bool settles_only_;
  std::vector<StoreEvent> early_;
  std::set<std::uint64_t> told_;
};

// Drops rows of one kind.
class Forgets final : public Before {
 public:
  Forgets(Store& store, std::string example) : Before(store), example_(std::move(example)) {}

 private:
  void change(Commit& commit) override {
    std::erase_if(commit.puts, [this](const Put& put) { return is_kind(put, example_); });
  }
  std::string example_;
};

// Writes what is leased as ready.
class ForgetsLeases final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    for (Put& put : commit.puts) {
      if (!is_kind(put, records::active_key(1, 0))) continue;
      auto row = records::decode_active(records::number_at_end(put.key), bytes_of(put));
      for (Run& run : row->runs) {
        if (run.state != RunState::leased) continue;
        run.state = RunState::ready;
        run.lease = 0;
      }
      row->leases.clear();
      put.value = records::encode(*row);
    }
  }
};

class ForgetsFailures final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    for (Put& put : commit.puts) {
      if (!is_kind(put, records::failure_key(1, 0))) continue;
      auto record = records::decode_failure(bytes_of(put));
      record->failures = record->deaths = 0;
      record->history = {};
      put.value = records::encode(*record);
    }
  }
};

class CountsOneDead final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    for (Put& put : commit.puts) {
      if (!is_kind(put, records::counters_key(1))) continue;
      auto row = records::decode_counters(bytes_of(put));
      if (row->acked == 0) continue;
      --row->acked;
      ++row->dead;
      put.value = records::encode(*row);
    }
  }
};

class LastSequenceOnly final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    for (Put& put : commit.puts) {
      if (!is_kind(put, records::producer_key(1, "p"))) continue;
      auto row = records::decode_producer(bytes_of(put));
      auto& ranges = row->set.ranges;
      if (ranges.empty()) continue;
      const std::uint64_t end = ranges.back().first + ranges.back().length;
      ranges = {{row->set.floor, end - row->set.floor}};
      put.value = records::encode(*row);
    }
  }
};

class TrimsOneMore final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    std::vector<Delete> more;
    for (const Delete& gone : commit.deletes) {
      if (gone.space != Space::chunks) continue;
      more.push_back({Space::chunks, records::chunk_key(records::number_at_end(gone.key) + 1)});
    }
    commit.deletes.insert(commit.deletes.end(), more.begin(), more.end());
  }
};

class KeepsChunks final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    std::erase_if(commit.deletes, [](const Delete& gone) { return gone.space == Space::chunks; });
  }
};

// A chunk that no index row of its commit speaks of was moved out of another.
class LosesEvacuated final : public Before {
 public:
  using Before::Before;

 private:
  void change(Commit& commit) override {
    std::set<std::string> indexed;
    for (const Put& put : commit.puts) {
      if (!is_kind(put, records::index_key(1, 0))) continue;
      const auto ref = records::decode_index(records::number_at_end(put.key), bytes_of(put));
      indexed.insert(records::chunk_key(ref->chunk_id));
    }
    std::erase_if(commit.puts, [&](const Put& put) {
      return put.space == Space::chunks && indexed.count(put.key) == 0;
    });
  }
};

class MovesHalf final : public Before {
 public:
  // Also of queues that a former process has made.
  explicit MovesHalf(Store& store) : Before(store) {
    const std::string first = records::queue_key("");
    const auto page = store_.read_now({Space::state, first, first + '\xff', SIZE_MAX, 0});
    for (const Row& row : page->rows) note(row.value.bytes());
  }

 private:
  void note(Bytes queue) {
    const auto row = records::decode_queue(queue);
    if (row->is_dead_letter) dead_letters_.insert(records::index_key(row->log, 0).substr(0, 7));
  }
  void change(Commit& commit) override {
    for (const Put& put : commit.puts) {
      if (is_kind(put, records::queue_key(""))) note(bytes_of(put));
    }
    std::set<std::string> lost;
    for (const Put& put : commit.puts) {
      if (!is_kind(put, records::index_key(1, 0))) continue;
      if (dead_letters_.count(put.key.substr(0, 7)) == 0) continue;
      const auto ref = records::decode_index(records::number_at_end(put.key), bytes_of(put));
      lost.insert(put.key);
      lost.insert(records::chunk_key(ref->chunk_id));
    }
    std::erase_if(commit.puts, [&](const Put& put) { return lost.count(put.key) != 0; });
  }
  std::set<std::string> dead_letters_;
};

}  // namespace

std::unique_ptr<Store> mutated_store(Store& store, Mutation mutation) {
  switch (mutation) {
    case Mutation::answer_before_commit: return std::make_unique<AnswersBeforeCommit>(store, false);
    case Mutation::settled_before_commit: return std::make_unique<AnswersBeforeCommit>(store, true);
    case Mutation::forget_producers:
      return std::make_unique<Forgets>(store, records::producer_key(1, "p"));
    case Mutation::last_sequence_only: return std::make_unique<LastSequenceOnly>(store);
    case Mutation::forget_leases: return std::make_unique<ForgetsLeases>(store);
    case Mutation::forget_failures: return std::make_unique<ForgetsFailures>(store);
    case Mutation::trim_one_more: return std::make_unique<TrimsOneMore>(store);
    case Mutation::keep_chunks: return std::make_unique<KeepsChunks>(store);
    case Mutation::count_one_dead: return std::make_unique<CountsOneDead>(store);
    case Mutation::lose_evacuated: return std::make_unique<LosesEvacuated>(store);
    case Mutation::half_a_move: return std::make_unique<MovesHalf>(store);
    default: return nullptr;
  }
}

}  // namespace pawl::testing
