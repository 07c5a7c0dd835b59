// SPDX-License-Identifier: Apache-2.0
#include "patterns/testing/disk.hpp"

#include <utility>

namespace pawl::testing {
namespace {

class Mount final : public Store {
 public:
  explicit Mount(Disk& disk) : disk_(disk) {}

  protocol::Durability durability() const override {
    return disk_.with([](FaultyStore& store) { return store.durability(); });
  }
  void submit(Commit commit) override {
    disk_.with([&](FaultyStore& store) { store.submit(std::move(commit)); });
  }
  void read(ReadRequest request) override {
    disk_.with([&](FaultyStore& store) { store.read(std::move(request)); });
  }
  Result<Page> read_now(const ReadRequest& request) override {
    return disk_.with([&](FaultyStore& store) { return store.read_now(request); });
  }
  void drain(std::vector<StoreEvent>& events) override {
    disk_.with([&](FaultyStore& store) { store.drain(events); });
  }
  int ready_fd() const override {
    return disk_.with([](FaultyStore& store) { return store.ready_fd(); });
  }
  void settle() override {
    disk_.with([](FaultyStore& store) { store.settle(); });
  }
  Fault reopen() override {
    return disk_.with([](FaultyStore& store) { return store.reopen(); });
  }
  std::uint64_t free_bytes() override {
    return disk_.with([](FaultyStore& store) { return store.free_bytes(); });
  }
  void on_idle() override {}

 private:
  Disk& disk_;
};

}  // namespace

std::unique_ptr<Store> Disk::mount() {
  return std::make_unique<Mount>(*this);
}

}  // namespace pawl::testing
