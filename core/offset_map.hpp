// SPDX-License-Identifier: Apache-2.0
// OffsetMap: values by offset, found by hash. Whoever walks over it does so in the order of
// offsets: nothing that a machine says or writes can hang on a hash.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pawl {

template <class Value>
class OffsetMap {
 public:
  // Null if there is none. Valid until that one is erased.
  Value* find(std::uint64_t offset) {
    const auto found = values_.find(offset);
    return found == values_.end() ? nullptr : &found->second;
  }
  const Value* find(std::uint64_t offset) const {
    const auto found = values_.find(offset);
    return found == values_.end() ? nullptr : &found->second;
  }
  Value& at(std::uint64_t offset) { return values_.at(offset); }
  const Value& at(std::uint64_t offset) const { return values_.at(offset); }
  bool has(std::uint64_t offset) const { return values_.count(offset) != 0; }
  // The value, and whether it was made now.
  std::pair<Value&, bool> try_emplace(std::uint64_t offset, Value value = {}) {
    const auto [at, made] = values_.try_emplace(offset, std::move(value));
    return {at->second, made};
  }
  void erase(std::uint64_t offset) { values_.erase(offset); }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }

  // Sorts them first: not for what happens often.
  template <class Call>
  void for_each_in_order(const Call& call) const {
    std::vector<std::pair<std::uint64_t, const Value*>> all;
    all.reserve(values_.size());
    for (const auto& [offset, value] : values_) all.emplace_back(offset, &value);
    std::sort(all.begin(), all.end());
    for (const auto& [offset, value] : all) call(offset, *value);
  }

 private:
  std::unordered_map<std::uint64_t, Value> values_;
};

}  // namespace pawl
