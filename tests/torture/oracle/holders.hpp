// SPDX-License-Identifier: Apache-2.0
// Who believed to hold which message, and when (G2): from the moment a worker begins it until the
// worker has done it, or its belief ends, as its library says; whatever comes first.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pawl::torture {

class Holders {
 public:
  void begins(const std::string& worker, std::uint64_t offset, std::int64_t at_ns,
              std::int64_t until_ns);
  void ends(const std::string& worker, std::uint64_t offset, std::int64_t at_ns,
            std::int64_t until_ns);
  // Whatever it has begun is its no more.
  void loses_all(const std::string& worker, std::int64_t at_ns);

  // "w2 until 17 ms after w1 began", of the first two that hold one message at once.
  struct Overlap {
    std::uint64_t offset = 0;
    std::string who;
  };
  std::optional<Overlap> find_overlap() const;

 private:
  struct Belief {
    std::string worker;
    std::int64_t from_ns = 0, until_ns = 0;
  };
  void close(const std::string& worker, std::uint64_t offset, std::int64_t until_ns);

  std::map<std::string, std::map<std::uint64_t, Belief>> open_;  // by worker and offset
  std::map<std::uint64_t, std::vector<Belief>> beliefs_;
};

}  // namespace pawl::torture
