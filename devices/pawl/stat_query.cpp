// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/stat_query.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/protocol/codec.hpp"
#include "core/transport/context.hpp"
#include "core/transport/dealer_socket.hpp"
#include "core/transport/wake_up.hpp"

namespace pawl::devices {
namespace {

using Clock = std::chrono::steady_clock;
using protocol::Message;

// One question at a time over one socket.
class Asker {
 public:
  Asker(transport::DealerSocket& socket, Clock::time_point until)
      : socket_(socket), until_(until) {}

  bool say(const Message& message) {
    return socket_.send({protocol::encode(message), {}}) == transport::Sent::sent;
  }

  // The next message of the kind that is waited for; what else a hub says is passed over, an ERROR
  // or GOAWAY ends it. Views live until the next call.
  template <class Wanted>
  Result<Wanted> await() {
    for (;;) {
      while (Clock::now() < until_ && socket_.receive(received_)) {
        auto decoded = protocol::decode(received_.header);
        if (!decoded) return decoded.fault();
        if (auto* wanted = std::get_if<Wanted>(&*decoded)) return std::move(*wanted);
        if (const auto* error = std::get_if<protocol::Error>(&*decoded)) {
          return Fault{error->code, std::string(error->text)};
        }
        if (const auto* goaway = std::get_if<protocol::GoAway>(&*decoded)) {
          return Fault{Code::draining, std::string(goaway->reason)};
        }
      }
      const auto left = std::chrono::duration_cast<Duration>(until_ - Clock::now());
      if (left.count() <= 0) return Fault{Code::gone, "no answer in time"};
      transport::sleep_on(socket_.handle(), -1, left);
    }
  }

  const WireMessage& received() const { return received_; }

 private:
  transport::DealerSocket& socket_;
  Clock::time_point until_;
  WireMessage received_;
};

}  // namespace

Result<Json> query_stat(const std::string& endpoint, std::chrono::milliseconds deadline) {
  auto socket = transport::DealerSocket::connect(transport::process_context(), endpoint);
  if (!socket) return socket.fault();
  Asker asker(*socket, Clock::now() + deadline);
  const std::string peer = "pawl-stat:" + std::to_string(getpid());
  protocol::Hello hello;
  hello.versions = {protocol::version};
  hello.peer = peer;
  asker.say(hello);
  const auto welcome = asker.await<protocol::Welcome>();
  if (!welcome) return welcome.fault();

  Json gathered = {{"device", Json::object()}, {"queues", Json::array()}};
  std::string last;
  std::size_t bytes = 0;
  for (std::uint64_t id = 1;; ++id) {
    asker.say(protocol::Query{id, "stat", last});
    const auto reply = asker.await<protocol::Reply>();
    if (!reply) return reply.fault();
    if (reply->code != Code::ok) return Fault{reply->code, std::string(reply->text)};
    const std::string before = last;
    const auto& frames = asker.received().frames;
    if (frames.size() != 1) return Fault{Code::bad_frame, "a REPLY without its frame"};
    bytes += frames.front().size;
    if (bytes > stat_bytes_max) return Fault{Code::too_large, "REPLYs of more than 32 MiB"};
    Fault fault = add_stat_page(frames.front().bytes(), gathered, last);
    if (fault.code != Code::ok) return fault;
    if (!reply->more || last == before) break;
  }
  asker.say(protocol::Bye{});
  socket->close(100);
  return gathered;
}

Result<bool> query_without_space(const std::string& endpoint, std::chrono::milliseconds deadline) {
  const auto stat = query_stat(endpoint, deadline);
  if (!stat) return stat.fault();
  const Json& device = (*stat)["device"];
  const auto free_bytes = device.is_object() ? device.find("free_bytes") : device.end();
  return free_bytes != device.end() && *free_bytes == 0;
}

}  // namespace pawl::devices
