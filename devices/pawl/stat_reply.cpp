// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/stat_reply.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/chunk/pack_cursor.hpp"
#include "core/limits.hpp"
#include "core/protocol/names.hpp"

namespace pawl::devices {

Fault add_stat_page(Bytes page, Json& gathered, std::string& last) {
  if (page.size() > stat_page_bytes_max) return {Code::too_large, "a REPLY of more than 1 MiB"};
  // The library goes as deep as the bytes say, and takes a stack for it.
  constexpr std::size_t depth_max = 4;
  if (PackCursor cursor(page); !cursor.skip(depth_max) || !cursor.at_end()) {
    return {Code::bad_frame, "a REPLY that is no table of queues"};
  }
  const auto* first = reinterpret_cast<const std::uint8_t*>(page.data());
  const Json said = Json::from_msgpack(first, first + page.size(), true, false);
  const auto queues = said.is_object() ? said.find("queues") : said.end();
  if (queues == said.end() || !queues->is_array()) {
    return {Code::bad_frame, "a REPLY that is no table of queues"};
  }
  const auto device = said.find("device");
  if (device != said.end() && !device->is_object()) {
    return {Code::bad_frame, "a REPLY whose device is no map"};
  }
  if (device != said.end()) gathered["device"] = *device;
  Json& all = gathered["queues"];
  if (all.size() + queues->size() > limits::queues_max) {
    return {Code::too_large, "REPLYs of more queues than a device can have"};
  }
  for (const Json& queue : *queues) {
    const auto name = queue.is_object() ? queue.find("name") : queue.end();
    if (name == queue.end() || !name->is_string()) {
      return {Code::bad_frame, "a REPLY with a queue that has no name"};
    }
    auto text = name->get<std::string>();
    if (Fault fault = protocol::check_queue_name(text); fault.code != Code::ok) return fault;
    if (text <= last) return {Code::bad_frame, "a REPLY whose queues are not in order"};
    last = std::move(text);
    all.push_back(queue);
  }
  return {};
}

}  // namespace pawl::devices
