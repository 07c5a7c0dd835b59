// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/oracle/holders.hpp"

#include <algorithm>

namespace pawl::torture {

void Holders::begins(const std::string& worker, std::uint64_t offset, std::int64_t at_ns,
                     std::int64_t until_ns) {
  open_[worker].insert_or_assign(offset, Belief{worker, at_ns, until_ns});
}

// A belief that beats have made longer is longer; one that was lost says 0, and lasted at least as
// long as it was when the message was begun.
void Holders::ends(const std::string& worker, std::uint64_t offset, std::int64_t at_ns,
                   std::int64_t until_ns) {
  const auto begun = open_[worker].find(offset);
  if (begun == open_[worker].end()) return;
  begun->second.until_ns = std::max(begun->second.until_ns, until_ns);
  close(worker, offset, at_ns);
}

void Holders::loses_all(const std::string& worker, std::int64_t at_ns) {
  while (!open_[worker].empty()) close(worker, open_[worker].begin()->first, at_ns);
}

void Holders::close(const std::string& worker, std::uint64_t offset, std::int64_t until_ns) {
  auto node = open_[worker].extract(offset);
  Belief& belief = node.mapped();
  belief.until_ns = std::min(belief.until_ns, until_ns);
  if (belief.from_ns < belief.until_ns) beliefs_[offset].push_back(std::move(belief));
}

std::optional<Holders::Overlap> Holders::find_overlap() const {
  for (const auto& [offset, unsorted] : beliefs_) {
    std::vector<Belief> beliefs = unsorted;
    std::sort(beliefs.begin(), beliefs.end(),
              [](const Belief& a, const Belief& b) { return a.from_ns < b.from_ns; });
    for (std::size_t i = 1; i < beliefs.size(); ++i) {
      const Belief& first = beliefs[i - 1];
      if (first.worker == beliefs[i].worker || first.until_ns <= beliefs[i].from_ns) continue;
      return Overlap{offset, first.worker + " and " + beliefs[i].worker + ", for " +
                                 std::to_string((first.until_ns - beliefs[i].from_ns) / 1000) +
                                 " us"};
    }
  }
  return std::nullopt;
}

}  // namespace pawl::torture
