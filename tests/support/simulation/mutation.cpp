// SPDX-License-Identifier: Apache-2.0
#include "tests/support/simulation/mutation.hpp"

#include <utility>
#include <vector>

#include "patterns/work_queue/records.hpp"

namespace pawl::testing {
namespace {

class Before : public Store {
 public:
  explicit Before(Store& store) : store_(store) {}
  protocol::Durability durability() const override { return store_.durability(); }
  void submit(Commit commit) override { store_.submit(std::move(commit)); }
  void read(ReadRequest request) override { store_.read(std::move(request)); }
  Result<Page> read_now(const ReadRequest& request) override { return store_.read_now(request); }
  void drain(std::vector<StoreEvent>& events) override { store_.drain(events); }
  int ready_fd() const override { return store_.ready_fd(); }
  void settle() override { store_.settle(); }
  Fault reopen() override { return store_.reopen(); }
  std::uint64_t free_bytes() override { return store_.free_bytes(); }
  void on_idle() override {}

 protected:
  Store& store_;
};

class AnswersAtOnce final : public Before {
 public:
  using Before::Before;
  void submit(Commit commit) override {
    early_.emplace_back(Committed{commit.tag});
    store_.submit(std::move(commit));
  }
  void drain(std::vector<StoreEvent>& events) override {
    std::vector<StoreEvent> real;
    store_.drain(real);
    for (StoreEvent& event : std::exchange(early_, {})) events.push_back(std::move(event));
    for (StoreEvent& event : real) {
      if (!std::holds_alternative<Committed>(event)) events.push_back(std::move(event));
    }
  }

 private:
  std::vector<StoreEvent> early_;
};

// Drops rows of one kind.
class Forgets final : public Before {
 public:
  Forgets(Store& store, char kind) : Before(store), kind_(kind) {}
  void submit(Commit commit) override {
    std::erase_if(commit.puts, [this](const Put& put) {
      return put.space == Space::state && put.key[0] == kind_;
    });
    store_.submit(std::move(commit));
  }

 private:
  char kind_;
};

// Writes what is leased as ready.
class ForgetsLeases final : public Before {
 public:
  using Before::Before;
  void submit(Commit commit) override {
    const char active = records::active_key(1, 0)[0];
    for (Put& put : commit.puts) {
      if (put.space != Space::state || put.key[0] != active) continue;
      const std::string& value = std::get<std::string>(put.value);
      auto row =
          records::decode_active(records::number_at_end(put.key), std::as_bytes(std::span(value)));
      for (Run& run : row->runs) {
        if (run.state != RunState::leased) continue;
        run.state = RunState::ready;
        run.lease = 0;
      }
      row->leases.clear();
      put.value = records::encode(*row);
    }
    store_.submit(std::move(commit));
  }
};

}  // namespace

std::unique_ptr<Store> mutated_store(Store& store, Mutation mutation) {
  switch (mutation) {
    case Mutation::answer_at_once: return std::make_unique<AnswersAtOnce>(store);
    case Mutation::forget_producers:
      return std::make_unique<Forgets>(store, records::producer_key(1, "p")[0]);
    case Mutation::forget_leases: return std::make_unique<ForgetsLeases>(store);
    case Mutation::none:
    case Mutation::no_sync:
    case Mutation::believe_longer: break;
  }
  return nullptr;
}

}  // namespace pawl::testing
