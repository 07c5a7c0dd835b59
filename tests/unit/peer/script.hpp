// SPDX-License-Identifier: Apache-2.0
// The mini-language of the peers' machine tests: what the hub says is a value, what the machine
// says is a line of text. Time is virtual.
#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/chunk/chunk.hpp"
#include "core/codes.hpp"
#include "core/protocol/codec.hpp"
#include "patterns/peer/session_machine.hpp"

namespace pawl::testing {

using namespace pawl::peer;
using std::chrono::milliseconds;

inline Bytes16 token_of(unsigned char fill) {
  Bytes16 bytes;
  bytes.fill(std::byte{fill});
  return bytes;
}

inline protocol::Welcome welcome(bool resumed = false, unsigned char store = 1) {
  protocol::Welcome message;
  message.store_id = token_of(store);
  message.token = token_of(9);
  message.resumed = resumed;
  message.lease_ms = 10'000;
  message.beat_ms = 2'000;
  message.body_bytes_max = 1024 * 1024;
  message.chunk_bytes_aim = 128 * 1024;
  message.chunk_messages_max = 4096;
  return message;
}

inline Received received(const protocol::Message& message, std::vector<Slice> frames = {}) {
  return {WireMessage{protocol::encode(message), std::move(frames)}};
}

inline Slice chunk_of(const std::vector<std::string>& bodies) {
  ChunkBuilder builder;
  for (const std::string& body : bodies) {
    builder.append({}, std::as_bytes(std::span(body.data(), body.size())));
  }
  return builder.take();
}

inline Slice chunk_of(std::size_t count) {
  return chunk_of(std::vector<std::string>(count, "message"));
}

struct Line {
  std::ostringstream text;
  void operator()(const protocol::Hello& m) {
    text << "HELLO" << (m.token ? " token" : "") << " got " << m.got;
    for (const auto& held : m.held) {
      text << " held " << held.lease << ":" << held.range.offset << "+" << held.range.length;
    }
  }
  void operator()(const protocol::Open& m) { text << "OPEN " << m.name << " epoch " << m.epoch; }
  void operator()(const protocol::Send& m) {
    text << "SEND";
    for (const auto& part : m.parts) {
      text << " " << part.seq << "+" << part.count << " floor " << part.floor;
      if (part.flags != 0) text << " maybe";
    }
  }
  void operator()(const protocol::Credit& m) { text << "CREDIT " << m.messages_total; }
  void operator()(const protocol::Settle& m) {
    constexpr const char* verbs[] = {"?", "ack", "nack", "reject", "return", "extend"};
    text << "SETTLE " << m.number << ":";
    for (const auto& row : m.rows) {
      text << " " << verbs[static_cast<int>(row.verb)] << " " << row.offset << "+" << row.length;
      if (row.delay_ms) text << " in " << *row.delay_ms;
      if (!row.reason.empty()) text << " (" << row.reason << ")";
    }
  }
  void operator()(const protocol::Beat& m) {
    text << "BEAT " << m.number << " got " << m.received_upto;
  }
  void operator()(const protocol::Bye&) { text << "BYE"; }
  template <class Other>
  void operator()(const Other&) {
    text << "?";
  }
};

// What the machine sends, a line each; "(new socket)" first if it wants one.
inline std::vector<std::string> lines_of(const PeerEffects& effects) {
  std::vector<std::string> lines;
  if (effects.recreate_socket) lines.emplace_back("(new socket)");
  for (const WireMessage& sent : effects.sends) {
    const auto message = protocol::decode(sent.header);
    Line line;
    if (message) {
      std::visit(line, *message);
    } else {
      line.text << "UNREADABLE " << message.fault().text;
    }
    lines.push_back(line.text.str());
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace pawl::testing
