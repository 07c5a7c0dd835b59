// SPDX-License-Identifier: Apache-2.0
// One row of a log's index: where a run of consecutive offsets lies.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace pawl {

struct ChunkRef {
  std::uint64_t offset = 0;  // of its first message
  std::uint32_t count = 0;
  std::uint64_t chunk_id = 0;  // key in the space `chunks`
  std::uint32_t bytes = 0;
  HubTime stored_at;

  std::uint64_t end() const { return offset + count; }
  bool contains(std::uint64_t message) const { return message >= offset && message < end(); }
  bool operator==(const ChunkRef&) const = default;
};

}  // namespace pawl
