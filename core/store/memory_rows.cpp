// SPDX-License-Identifier: Apache-2.0
#include "core/store/memory_rows.hpp"

namespace pawl {
namespace {

std::uint64_t bytes_of(const std::string& key, const Slice& value) {
  return key.size() + value.size + MemoryRows::row_overhead_bytes;
}

// A slice keeps its whole buffer alive. One that is less than half of it is copied, so that what is
// counted stays within a factor of two of what is held.
Slice own_value(const std::variant<std::string, Slice>& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return Buffer::copy_of(std::as_bytes(std::span{*text}));
  }
  const Slice& slice = *std::get_if<Slice>(&value);
  if (!slice) return Buffer::copy_of({});
  if (slice.size < slice.buffer.size() / 2) return Buffer::copy_of(slice.bytes());
  return slice;
}

}  // namespace

void MemoryRows::apply(const Commit& commit) {
  for (const Put& row : commit.puts) put(row);
  for (const Delete& row : commit.deletes) erase(row);
}

void MemoryRows::put(const Put& row) {
  Slice& value = of(row.space)[row.key];
  if (value) bytes_ -= bytes_of(row.key, value);
  value = own_value(row.value);
  bytes_ += bytes_of(row.key, value);
}

void MemoryRows::erase(const Delete& row) {
  Rows& rows = of(row.space);
  const auto found = rows.find(row.key);
  if (found == rows.end()) return;
  bytes_ -= bytes_of(found->first, found->second);
  rows.erase(found);
}

Page MemoryRows::page(const ReadRequest& request) const {
  Page page{.tag = request.tag, .rows = {}, .complete = true};
  const Rows& rows = of(request.space);
  std::size_t bytes = 0;
  for (auto row = rows.lower_bound(request.from); row != rows.end(); ++row) {
    if (row->first >= request.to) break;
    if (!page.rows.empty() && bytes >= request.bytes_max) {
      page.complete = false;
      break;
    }
    bytes += row->first.size() + row->second.size;
    page.rows.push_back({row->first, row->second});
  }
  return page;
}

}  // namespace pawl
