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
  // The value, and whether it was made now: as by default, or what Value::reset() makes of one that
  // was erased.
  std::pair<Value&, bool> try_emplace(std::uint64_t offset) {
    if (spare_.empty()) {
      const auto [at, made] = values_.try_emplace(offset);
      return {at->second, made};
    }
    if (Value* value = find(offset)) return {*value, false};
    auto node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = offset;
    node.mapped().reset();
    return {values_.insert(std::move(node)).position->second, true};
  }
  void erase(std::uint64_t offset) {
    auto node = values_.extract(offset);
    if (!node.empty()) spare_.push_back(std::move(node));
    while (spare_.size() > values_.size() + spares_at_rest) spare_.pop_back();
  }
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
  // Who comes and goes all the time does not ask malloc each time: as many as there are and a few
  // more are kept for the next.
  static constexpr std::size_t spares_at_rest = 64;
  std::unordered_map<std::uint64_t, Value> values_;
  std::vector<typename std::unordered_map<std::uint64_t, Value>::node_type> spare_;
};

}  // namespace pawl
