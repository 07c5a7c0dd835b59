// SPDX-License-Identifier: Apache-2.0
// Tells the oracle what passes between a worker and its hub, where the worker's library calls
// libzmq: before the library has looked at what came, and before what it sends has left. So nothing
// that a hub can know is missing when the worker is killed. The two functions below stand before
// libzmq's of the same names, which they call.
#include <dlfcn.h>
#include <zmq.h>

#include <cstdlib>
#include <map>
#include <optional>

#include "core/chunk/chunk.hpp"
#include "core/chunk/meta.hpp"
#include "core/protocol/codec.hpp"
#include "tests/torture/peers/oracle_log.hpp"

namespace pawl::test {
namespace {

Bytes bytes_of(zmq_msg_t* message) {
  return {static_cast<const std::byte*>(zmq_msg_data(message)), zmq_msg_size(message)};
}

std::string text_of_body(const Entry& entry) {
  return name_in({reinterpret_cast<const char*>(entry.body.data()), entry.body.size()});
}

std::string words(std::initializer_list<std::uint64_t> numbers) {
  std::string text;
  for (const std::uint64_t number : numbers) text += ' ' + std::to_string(number);
  return text;
}

// One connection at a time, and one thread that has it.
class Tap {
 public:
  void before_send(zmq_msg_t* message, bool more) {
    if (!std::exchange(sends_frames_, more)) sends_header(bytes_of(message));
  }
  void after_receive(zmq_msg_t* message) {
    const bool is_header = !std::exchange(receives_frames_, zmq_msg_more(message) != 0);
    if (is_header) return receives_header(bytes_of(message));
    if (row_ < delivered_.size()) receives_frame(bytes_of(message));
  }

 private:
  void sends_header(Bytes header);
  void receives_header(Bytes header);
  void receives_frame(Bytes frame);
  void receives_chunk(const protocol::Deliver::Row& row, Bytes chunk);

  bool sends_frames_ = false, receives_frames_ = false;
  std::vector<protocol::Deliver::Row> delivered_;
  std::size_t row_ = 0;
  std::uint64_t lease_ = 0;
  std::int64_t lease_ns_ = 0;
  std::map<std::uint64_t, std::int64_t> beats_;  // 0 is HELLO; sent when
};

void Tap::sends_header(Bytes header) {
  const auto message = protocol::decode(header);
  if (!message) return OracleLog::write("wrong " + message.fault().text);
  const std::int64_t now = nanoseconds(std::chrono::steady_clock::now());
  if (const auto* beat = std::get_if<protocol::Beat>(&*message)) beats_[beat->number] = now;
  if (const auto* hello = std::get_if<protocol::Hello>(&*message)) {
    beats_ = {{0, now}};
    std::string held;
    for (const auto& one : hello->held) held += words({one.range.offset, one.range.length});
    OracleLog::write("resumes" + held);
  }
  const auto* settle = std::get_if<protocol::Settle>(&*message);
  if (settle == nullptr) return;
  for (const protocol::Settle::Row& row : settle->rows) {
    OracleLog::write("answered" + words({settle->number, static_cast<std::uint64_t>(row.verb),
                                         row.lease, row.offset, row.length}));
  }
}

void Tap::receives_header(Bytes header) {
  delivered_.clear();
  row_ = 0;
  const auto message = protocol::decode(header);
  if (!message) return OracleLog::write("wrong " + message.fault().text);
  std::optional<std::uint64_t> echo;
  if (const auto* welcome = std::get_if<protocol::Welcome>(&*message)) {
    lease_ns_ = std::int64_t{welcome->lease_ms} * 1'000'000;
    OracleLog::write(welcome->resumed ? "welcome 1" : "welcome 0");
    echo = 0;
  }
  if (const auto* beat = std::get_if<protocol::Beat>(&*message)) echo = beat->echo;
  if (echo && beats_.count(*echo) != 0) {
    OracleLog::write("alive " + std::to_string(beats_.at(*echo) + lease_ns_));
    beats_.erase(beats_.begin(), beats_.upper_bound(*echo));
  }
  if (const auto* settled = std::get_if<protocol::Settled>(&*message)) {
    std::string exceptions;
    for (const auto& one : settled->exceptions) {
      exceptions += words({one.lease, one.range.offset, one.range.length});
    }
    OracleLog::write("settled" + words({settled->upto}) + exceptions);
  }
  if (const auto* deliver = std::get_if<protocol::Deliver>(&*message)) {
    lease_ = deliver->lease;
    delivered_ = deliver->rows;
  }
}

void Tap::receives_frame(Bytes frame) {
  do {
    const std::size_t size = ChunkReader(frame).skip(delivered_[row_].count);
    receives_chunk(delivered_[row_++], frame.first(size));
    frame = frame.subspan(size);
  } while (row_ < delivered_.size() && protocol::is_with_previous(delivered_[row_]));
}

void Tap::receives_chunk(const protocol::Deliver::Row& row, Bytes chunk) {
  const bool redelivered = (row.flags & protocol::deliver_flags::redelivered) != 0;
  ChunkReader reader(chunk);
  Entry entry;
  for (std::uint64_t offset = row.offset; reader.next(entry); ++offset) {
    const auto meta = decode_meta(entry.meta);
    if (!meta) {
      OracleLog::write("wrong " + meta.fault().text);
    } else if (meta->origin) {
      std::string kinds;
      for (const Failure& failure : meta->history)
        kinds += ' ' + std::string(name_of(failure.kind));
      OracleLog::write("dead" + words({offset, meta->origin->offset}) + ' ' + meta->origin->queue +
                       ' ' + text_of_body(entry) + kinds);
    } else {
      OracleLog::write("handed" + words({lease_, offset, row.attempt, redelivered}) + ' ' +
                       text_of_body(entry));
    }
  }
}

Tap tap;

bool is_of_session(void* socket) {
  int type = -1;
  std::size_t size = sizeof type;
  return OracleLog::is_open() && zmq_getsockopt(socket, ZMQ_TYPE, &type, &size) == 0 &&
         type == ZMQ_DEALER;
}

template <class Function>
Function* next(const char* name) {
  auto* function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  if (function == nullptr) std::abort();
  return function;
}

}  // namespace
}  // namespace pawl::test

extern "C" int zmq_msg_send(zmq_msg_t* message, void* socket, int flags) {
  static auto* const libzmq = pawl::test::next<int(zmq_msg_t*, void*, int)>("zmq_msg_send");
  if (pawl::test::is_of_session(socket)) {
    pawl::test::tap.before_send(message, (flags & ZMQ_SNDMORE) != 0);
  }
  return libzmq(message, socket, flags);
}

extern "C" int zmq_msg_recv(zmq_msg_t* message, void* socket, int flags) {
  static auto* const libzmq = pawl::test::next<int(zmq_msg_t*, void*, int)>("zmq_msg_recv");
  const int size = libzmq(message, socket, flags);
  if (size >= 0 && pawl::test::is_of_session(socket)) pawl::test::tap.after_receive(message);
  return size;
}
