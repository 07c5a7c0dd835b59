// SPDX-License-Identifier: Apache-2.0
#include <zmq.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "core/limits.hpp"
#include "core/transport/context.hpp"
#include "core/transport/dealer_socket.hpp"
#include "core/transport/router_socket.hpp"
#include "core/transport/timer.hpp"
#include "core/transport/wake_up.hpp"

using namespace pawl;
using namespace pawl::transport;
using namespace std::chrono_literals;

namespace {

constexpr Duration patience = std::chrono::seconds(5);

template <class Socket, class Message>
bool receive_within(Socket& socket, Message& message) {
  for (int tries = 0; tries < 50; ++tries) {
    if (socket.receive(message)) return true;
    sleep_on(socket.handle(), -1, patience / 50);
  }
  return false;
}

std::vector<std::byte> text(std::string_view s) {
  const auto bytes = std::as_bytes(std::span(s.data(), s.size()));
  return {bytes.begin(), bytes.end()};
}

Slice filled(std::size_t size, unsigned char with) {
  Buffer buffer = Buffer::allocate(size);
  std::fill_n(buffer.writable(), size, std::byte{with});
  return buffer;
}

struct Pair {
  explicit Pair(const std::string& endpoint)
      : router(std::move(*RouterSocket::create(process_context()))) {
    REQUIRE(router.bind(endpoint).code == Code::ok);
    dealer.emplace(std::move(*DealerSocket::connect(process_context(), router.last_endpoint())));
  }
  RouterSocket router;
  std::optional<DealerSocket> dealer;
};

}  // namespace

TEST_CASE("frames of every size arrive whole, both ways, over inproc and tcp") {
  Pair pair(GENERATE("inproc://sockets-test", "tcp://127.0.0.1:*"));
  const std::size_t size = GENERATE(0U, 1U, 1024U, 1025U, 9000U, 1048576U);
  WireMessage out;
  out.header = text("header");
  out.frames = {filled(size, 'a'), filled(3, 'b')};
  REQUIRE(pair.dealer->send(std::move(out)) == Sent::sent);

  RoutedMessage in;
  REQUIRE(receive_within(pair.router, in));
  CHECK(in.message.header == text("header"));
  REQUIRE(in.message.frames.size() == 2);
  CHECK(in.message.frames[0].size == size);
  CHECK(std::ranges::all_of(in.message.frames[0].bytes(),
                            [](std::byte b) { return b == std::byte{'a'}; }));

  REQUIRE(pair.router.send(in) == Sent::sent);
  WireMessage back;
  REQUIRE(receive_within(*pair.dealer, back));
  CHECK(back.frames[0].size == size);
  CHECK(back.frames[1].size == 3);
}

TEST_CASE("a slice that was sent stays usable and is released by libzmq") {
  Pair pair("inproc://sockets-test-slice");
  const Slice kept = filled(5000, 'x');
  for (int i = 0; i < 2; ++i) {
    WireMessage out;
    out.header = text("h");
    out.frames = {Slice(kept.buffer, 1000, 2000)};
    REQUIRE(pair.dealer->send(std::move(out)) == Sent::sent);
  }
  RoutedMessage in;
  REQUIRE(receive_within(pair.router, in));
  CHECK(in.message.frames[0].size == 2000);
  CHECK(kept.bytes()[4999] == std::byte{'x'});
}

TEST_CASE("G8 of a message over a limit so much is kept that the decoder sees it") {
  Pair pair("tcp://127.0.0.1:*");
  WireMessage flood;
  flood.header = text("h");
  for (std::size_t i = 0; i < 3 * limits::frames_max; ++i) flood.frames.push_back(filled(9, 'f'));
  WireMessage endless;
  endless.header.assign(2 * limits::header_bytes_max, std::byte{'h'});
  WireMessage after;
  after.header = text("after");
  REQUIRE(pair.dealer->send(std::move(flood)) == Sent::sent);
  REQUIRE(pair.dealer->send(std::move(endless)) == Sent::sent);
  REQUIRE(pair.dealer->send(std::move(after)) == Sent::sent);
  RoutedMessage in;
  REQUIRE(receive_within(pair.router, in));
  CHECK(in.message.frames.size() == limits::frames_max + 1);
  CHECK(in.message.frames.back().size == 0);
  REQUIRE(receive_within(pair.router, in));
  CHECK(in.message.header.size() == limits::header_bytes_max + 1);
  REQUIRE(receive_within(pair.router, in));
  CHECK(in.message.header == text("after"));
}

TEST_CASE("sending to a routing id that is not there is unreachable, not an exception") {
  auto router = std::move(*RouterSocket::create(process_context()));
  RoutedMessage lost{"nobody", {text("h"), {Slice(Buffer::copy_of(text("frame")))}}};
  CHECK(router.send(lost) == Sent::unreachable);
  CHECK(lost.message.frames.at(0).size == 5);  // still whole
  CHECK(router.bind("tcp://not-an-address:1").code != Code::ok);
  CHECK_FALSE(DealerSocket::connect(process_context(), "nonsense"));
}

TEST_CASE("a wake-up ends a sleep and stays readable until it is cleared") {
  WakeUp wake;
  wake.signal();
  wake.signal();
  sleep_on(nullptr, wake.fd(), patience);
  wake.clear();
  wake.clear();
  SUCCEED();
}

TEST_CASE("a timer ends a sleep when it passes, and not when it was set anew or cleared") {
  const transport::Timer timer;
  std::array<transport::SleepSource, 1> source{transport::SleepSource{.fd = timer.fd()}};
  timer.set(1ms);
  transport::sleep_on(source, 10s);
  CHECK(source[0].ready);
  timer.set(10s);  // what has passed counts no more
  CHECK_FALSE(timer.take_passed());
  timer.set(1ms);
  transport::sleep_on(source, 10s);
  CHECK(timer.take_passed());
  CHECK_FALSE(timer.take_passed());
  timer.set(1ms);
  transport::sleep_on(source, 10s);
  timer.clear();
  CHECK_FALSE(timer.take_passed());
}
