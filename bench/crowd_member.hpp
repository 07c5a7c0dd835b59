// SPDX-License-Identifier: Apache-2.0
// A peer of few bytes and no thread: PAWL/1 by the codec and nothing else, so that thousands of
// them fit into a process and none of them is what a bench measures. It acks at once, ignores
// RECALL (as it may), and gives up where a real peer would connect again.
#pragma once

#include <zmq.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/chunk/chunk.hpp"
#include "core/protocol/codec.hpp"
#include "core/transport/frames.hpp"

namespace bench {

struct CrowdTotals {
  std::uint64_t opened = 0, sent = 0, confirmed = 0, handled = 0;
};

class CrowdMember {
 public:
  struct Options {
    std::string endpoint{};
    std::string name{};
    pawl::protocol::Role role = pawl::protocol::Role::producer;
    std::vector<std::string> queues{};  // each under its own handle
  };

  CrowdMember(void* context, Options options, CrowdTotals& totals)
      : options_(std::move(options)),
        totals_(totals),
        socket_(zmq_socket(context, ZMQ_DEALER)),
        handles_(options_.queues.size()) {
    if (!socket_ || zmq_connect(socket_.get(), options_.endpoint.c_str()) != 0) {
      give_up(zmq_strerror(zmq_errno()));
    }
    socket_.set(ZMQ_LINGER, 0);
    pawl::protocol::Hello hello;
    hello.versions = {pawl::protocol::version};
    hello.peer = options_.name;
    say(hello);
    receive();
  }

  int fd() const { return socket_.fd(); }
  bool is_producer() const { return options_.role == pawl::protocol::Role::producer; }
  std::size_t handles() const { return handles_.size(); }
  std::uint32_t beat_ms() const { return beat_ms_; }  // 0 before WELCOME

  // Whatever has come. To be called after sending too: the descriptor tells of a change once.
  void receive() {
    for (pawl::WireMessage wire; pawl::transport::receive(socket_.get(), wire); wire = {}) {
      const auto message = pawl::protocol::decode(wire.header);
      if (!message) give_up(message.fault().text);
      std::visit([this](const auto& one) { on(one); }, *message);
    }
  }

  void beat() {
    say(pawl::protocol::Beat{.number = ++beat_number_,
                             .echo = echo_,
                             .received_upto = got_,
                             .settled_upto = settled_upto_});
    receive();
  }

  // False without credit.
  bool send(std::size_t index, pawl::Bytes body) {
    Handle& handle = handles_[index];
    if (handle.sequence > handle.credit) return false;
    pawl::ChunkBuilder chunk;
    chunk.append({}, body);
    say(pawl::protocol::Send{.parts = {{.handle = number(index),
                                        .epoch = handle.epoch,
                                        .floor = handle.floor,
                                        .seq = handle.sequence++,
                                        .count = 1}}},
        {chunk.take()});
    ++totals_.sent;
    receive();
    return true;
  }

 private:
  struct Handle {
    std::uint64_t epoch = 0;
    std::uint64_t floor = 1, sequence = 1;
    std::uint64_t credit = 0;  // granted to us, or by us
    std::uint64_t bytes = 0;   // received
    std::uint64_t received = 0;
  };
  static constexpr std::uint64_t prefetch = 64;
  static constexpr std::uint64_t prefetch_bytes = 128 * 1024;

  static std::uint32_t number(std::size_t index) { return static_cast<std::uint32_t>(index) + 1; }
  Handle& at(std::uint32_t handle) { return handles_.at(handle - 1); }

  [[noreturn]] static void give_up(std::string_view why) {
    std::fprintf(stderr, "a peer of the crowd: %.*s\n", static_cast<int>(why.size()), why.data());
    std::exit(1);
  }

  void say(const pawl::protocol::Message& message, std::vector<pawl::Slice> frames = {}) {
    pawl::WireMessage wire{pawl::protocol::encode(message), std::move(frames)};
    if (pawl::transport::send(socket_.get(), std::move(wire)) != pawl::transport::Sent::sent) {
      give_up("the socket takes no more");
    }
  }

  void on(const pawl::protocol::Welcome& welcome) {
    beat_ms_ = welcome.beat_ms;
    for (std::size_t i = 0; i < handles_.size(); ++i) {
      pawl::protocol::Open open;
      open.handle = number(i);
      open.name = options_.queues[i];
      open.role = options_.role;
      if (is_producer()) {
        open.source = options_.name;
        open.anonymous = true;
      }
      say(open);
    }
  }

  void on(const pawl::protocol::Opened& opened) {
    ++totals_.opened;
    at(opened.handle).epoch = opened.epoch;
    if (!is_producer()) grant(opened.handle);
  }

  void on(const pawl::protocol::Credit& credit) {
    at(credit.handle).credit = credit.messages_total;
  }

  // One message a SEND, answered in order.
  void on(const pawl::protocol::Confirm& confirm) {
    for (const auto& row : confirm.rows) {
      totals_.confirmed += row.length;
      at(confirm.handle).floor = std::max(at(confirm.handle).floor, row.seq + row.length);
    }
  }

  void on(const pawl::protocol::Deliver& deliver) {
    got_ = deliver.number;
    pawl::protocol::Settle settle;
    settle.handle = deliver.handle;
    settle.number = ++settle_number_;
    Handle& handle = at(deliver.handle);
    for (const auto& row : deliver.rows) {
      auto& ack = settle.rows.emplace_back();
      ack.lease = deliver.lease;
      ack.lane = row.lane;
      ack.offset = row.offset;
      ack.length = row.count;
      handle.received += row.count;
      totals_.handled += row.count;
    }
    say(settle);
    if (handle.credit - handle.received < prefetch / 2) grant(deliver.handle);
  }

  // Bytes are never what bounds us: bodies are small, and what they were is not counted.
  void grant(std::uint32_t number) {
    Handle& handle = at(number);
    handle.credit = handle.received + prefetch;
    handle.bytes += prefetch_bytes;
    say(pawl::protocol::Credit{number, handle.credit, handle.bytes});
  }

  void on(const pawl::protocol::Settled& settled) { settled_upto_ = settled.upto; }
  void on(const pawl::protocol::Beat& beat) { echo_ = beat.number; }
  void on(const pawl::protocol::Recall&) {}
  void on(const pawl::protocol::Refuse& refuse) { give_up(refuse.rows.front().text); }
  void on(const pawl::protocol::Error& error) { give_up(error.text); }
  template <typename Other>
  void on(const Other&) {
    give_up("a message that no hub sends now");
  }

  Options options_;
  CrowdTotals& totals_;
  pawl::transport::SocketHandle socket_;
  std::vector<Handle> handles_;
  std::uint32_t beat_ms_ = 0;
  std::uint64_t beat_number_ = 0, echo_ = 0;
  std::uint64_t got_ = 0, settle_number_ = 0, settled_upto_ = 0;
};

}  // namespace bench
