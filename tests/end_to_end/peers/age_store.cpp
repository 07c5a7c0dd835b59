// SPDX-License-Identifier: Apache-2.0
// age_store DIR FORMAT: a store that another version of pawl has written, as far as its format
// goes.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/store/rocks_store.hpp"
#include "patterns/work_queue/records.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto store = pawl::open_rocks_store({argv[1], 0});
  if (!store) {
    std::fprintf(stderr, "%s\n", store.fault().text.c_str());
    return 1;
  }
  const std::string key = pawl::records::hub_key();
  const auto page = (*store)->read_now({pawl::Space::state, key, key + '\0', 1, 0});
  if (!page || page->rows.empty()) return 1;
  const pawl::Bytes bytes = page->rows.front().value.bytes();
  std::string row(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  row.at(0) = static_cast<char>(std::atoi(argv[2]));  // below 128 a varint is its own byte
  pawl::Commit commit;
  commit.puts.push_back({pawl::Space::state, key, row});
  commit.durable = true;
  (*store)->submit(std::move(commit));
  (*store)->settle();
  return 0;
}
