// SPDX-License-Identifier: Apache-2.0
// RabbitMQ by librabbitmq: confirms in a window of 4,000; 2,000 prefetched, acked 500 at once. In
// memory a transient classic queue; durable a quorum queue, the one that syncs before it confirms.
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

#include <vector>

#include "bench/peers/client.hpp"

namespace {

constexpr std::uint64_t window = 4'000;
constexpr std::uint16_t prefetch = 2'000;
constexpr std::uint64_t acked_at_once = 500;
constexpr amqp_channel_t channel = 1;

void check(const amqp_rpc_reply_t& reply, const char* what) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  bench::give_up(std::string("RabbitMQ: ") + what + ": " +
                 (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                      ? amqp_error_string2(reply.library_error)
                      : "refused"));
}

class Session {
 public:
  explicit Session(const bench::Arguments& load) : state_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(state_);
    if (amqp_socket_open(socket, "127.0.0.1", bench::port_of(load)) != AMQP_STATUS_OK) {
      bench::give_up("no RabbitMQ");
    }
    check(amqp_login(state_, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "login");
    amqp_channel_open(state_, channel);
    check(amqp_get_rpc_reply(state_), "channel");
    declare_queue(load["--durable"] != 0);
  }
  ~Session() { amqp_destroy_connection(state_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  amqp_connection_state_t state() const { return state_; }

 private:
  void declare_queue(bool durable) {
    amqp_table_entry_t type{};
    type.key = amqp_cstring_bytes("x-queue-type");
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = amqp_cstring_bytes(durable ? "quorum" : "classic");
    amqp_queue_declare(state_, channel, amqp_cstring_bytes("bench"), 0, durable ? 1 : 0, 0, 0,
                       amqp_table_t{1, &type});
    check(amqp_get_rpc_reply(state_), "queue");
  }

  amqp_connection_state_t state_;
};

// Each of the messages once, whether alone or as one of `multiple`.
class Confirms {
 public:
  Confirms(amqp_connection_state_t state, std::uint64_t messages)
      : state_(state), is_confirmed_(messages + 1) {}

  std::uint64_t count() const { return count_; }

  void wait() {
    amqp_frame_t frame;
    if (amqp_simple_wait_frame(state_, &frame) != AMQP_STATUS_OK) bench::give_up("no confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD) return;
    if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) bench::give_up("a message was refused");
    const auto* ack = static_cast<const amqp_basic_ack_t*>(frame.payload.method.decoded);
    if (ack->multiple == 0) {
      add(ack->delivery_tag);
    } else {
      while (all_to_ < ack->delivery_tag) add(++all_to_);
    }
    amqp_maybe_release_buffers(state_);
  }

 private:
  void add(std::uint64_t tag) {
    if (!is_confirmed_.at(tag)) ++count_;
    is_confirmed_[tag] = true;
  }

  amqp_connection_state_t state_;
  std::vector<bool> is_confirmed_;
  std::uint64_t count_ = 0;
  std::uint64_t all_to_ = 0;
};

void produce(const bench::Arguments& load) {
  const Session session(load);
  amqp_confirm_select(session.state(), channel);
  check(amqp_get_rpc_reply(session.state()), "confirms");
  std::string body(load.bytes, 'x');
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
  properties.delivery_mode = load["--durable"] != 0 ? 2 : 1;
  const std::uint64_t under_way_max = bench::window_of(load, window);
  Confirms confirms(session.state(), load.count);
  bench::tell("first_send", bench::now_s());
  for (std::uint64_t sent = 0; sent < load.count; ++sent) {
    while (sent - confirms.count() >= under_way_max) confirms.wait();
    if (amqp_basic_publish(session.state(), channel, amqp_empty_bytes, amqp_cstring_bytes("bench"),
                           0, 0, &properties,
                           amqp_bytes_t{body.size(), body.data()}) != AMQP_STATUS_OK) {
      bench::give_up("RabbitMQ: publish");
    }
  }
  while (confirms.count() < load.count) confirms.wait();
  bench::tell("all_confirmed", bench::now_s());
}

// Acks are not answered: the channel's close is, after them.
void consume(const bench::Arguments& load) {
  const Session session(load);
  amqp_basic_qos(session.state(), channel, 0, prefetch, 0);
  amqp_basic_consume(session.state(), channel, amqp_cstring_bytes("bench"), amqp_empty_bytes, 0, 0,
                     0, amqp_empty_table);
  check(amqp_get_rpc_reply(session.state()), "consume");
  bench::tell("ready", bench::now_s());
  for (std::uint64_t got = 1; got <= load.count; ++got) {
    amqp_maybe_release_buffers(session.state());
    amqp_envelope_t envelope;
    check(amqp_consume_message(session.state(), &envelope, nullptr, 0), "delivery");
    if (envelope.message.body.len != load.bytes) bench::give_up("a body of a wrong size");
    if (got % acked_at_once == 0 || got == load.count) {
      amqp_basic_ack(session.state(), channel, envelope.delivery_tag, 1);
    }
    amqp_destroy_envelope(&envelope);
  }
  check(amqp_channel_close(session.state(), channel, AMQP_REPLY_SUCCESS), "close");
  bench::tell("all_acked", bench::now_s());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_client(argc, argv, produce, consume);
}
