// SPDX-License-Identifier: Apache-2.0
#include "core/protocol/messages.hpp"

#include <algorithm>

#include "core/protocol/codec.hpp"

namespace pawl::protocol {

std::string_view name_of(Command command) {
  switch (command) {
    case Command::hello: return "HELLO";
    case Command::welcome: return "WELCOME";
    case Command::open: return "OPEN";
    case Command::opened: return "OPENED";
    case Command::send: return "SEND";
    case Command::confirm: return "CONFIRM";
    case Command::refuse: return "REFUSE";
    case Command::credit: return "CREDIT";
    case Command::deliver: return "DELIVER";
    case Command::settle: return "SETTLE";
    case Command::settled: return "SETTLED";
    case Command::beat: return "BEAT";
    case Command::recall: return "RECALL";
    case Command::query: return "QUERY";
    case Command::reply: return "REPLY";
    case Command::error: return "ERROR";
    case Command::goaway: return "GOAWAY";
    case Command::bye: return "BYE";
  }
  return "UNKNOWN";
}

std::size_t frames_expected(const Message& message) {
  if (const auto* send = std::get_if<Send>(&message)) return send->parts.size();
  if (const auto* deliver = std::get_if<Deliver>(&message)) {
    return static_cast<std::size_t>(
        std::count_if(deliver->rows.begin(), deliver->rows.end(),
                      [](const Deliver::Row& row) { return !is_with_previous(row); }));
  }
  if (const auto* reply = std::get_if<Reply>(&message)) return reply->code == Code::ok ? 1 : 0;
  return 0;
}

}  // namespace pawl::protocol
