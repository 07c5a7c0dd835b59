// SPDX-License-Identifier: Apache-2.0
// What a hub says in its REPLYs to QUERY "stat" (docs/protocol.md, 11). It comes from outside:
// nothing of it is trusted.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/buffer.hpp"
#include "core/result.hpp"

namespace pawl::devices {

using Json = nlohmann::ordered_json;

// A page's frame, and all pages together: a queue takes some 300 bytes, and a hub has at most
// limits::queues_max.
inline constexpr std::size_t stat_page_bytes_max = 1 << 20;
inline constexpr std::size_t stat_bytes_max = 32 << 20;

// Adds one page to `gathered`, {"device": {…}, "queues": [{…}, …]}; `last` becomes the name of its
// last queue, where the next page begins: names ascend, over all pages.
Fault add_stat_page(Bytes page, Json& gathered, std::string& last);

}  // namespace pawl::devices
