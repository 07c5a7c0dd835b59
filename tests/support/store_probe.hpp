// SPDX-License-Identifier: Apache-2.0
// What the tests of a RocksStore stand on: a directory that goes away, and a store whose events are
// waited for with a deadline.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace pawl::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t bytes() const;  // of all files in it

 private:
  std::filesystem::path path_;
};

class StoreProbe {
 public:
  explicit StoreProbe(const std::filesystem::path& directory);

  Store& store() { return *store_; }
  void submit(Commit commit) { store_->submit(std::move(commit)); }
  void commit(Commit commit);  // and waits for it; anything but Committed fails the test
  std::vector<StoreEvent> wait_for(std::size_t count);
  Page all(Space space);

 private:
  std::unique_ptr<Store> store_;
};

// Waits until `holds`, 20 s at most, looking again whenever a file in `directory` is deleted and
// five times a second.
bool wait_until(const std::filesystem::path& directory, const std::function<bool()>& holds);

std::string key_of(std::uint64_t number);  // 8 bytes, big end first
std::string text_of(const Row& row);
std::string noise(std::size_t size);  // bytes that do not compress

}  // namespace pawl::testing
