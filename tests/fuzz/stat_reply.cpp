// SPDX-License-Identifier: Apache-2.0
// Any bytes as the frame of a hub's REPLY to "stat". It is added to what was gathered or refused
// with a sentence, and what is shown of it is well-formed text that does not steer a terminal.
#include "devices/pawl/stat_reply.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/chunk/text.hpp"
#include "core/protocol/codec.hpp"
#include "devices/pawl/stat_table.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::devices;
using namespace pawl::fuzzing;

namespace {

bool is_plain(const std::string& text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return (c >= 0 && c < ' ' && c != '\n') || c == 0x7f;
         });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes page(reinterpret_cast<const std::byte*>(data), size);
  // A value of JSON for each byte, with a key or a text; twice, as read and as gathered. A row of
  // the table is as wide as all columns, of which none is wider than a name.
  const MemoryBound bound("a page of statistics", 4096 * size + 256 * 1024);
  Json gathered = {{"device", Json::object()}, {"queues", Json::array()}};
  std::string last;
  const Fault fault = add_stat_page(page, gathered, last);
  if (fault.code != Code::ok) EXPECT(!fault.text.empty());
  protocol::encode(protocol::Query{1, "stat", last});  // the next page begins there
  EXPECT(is_utf8(json_line(gathered)));
  EXPECT(is_plain(table_of(gathered)));
  return 0;
}
