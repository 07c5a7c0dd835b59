// SPDX-License-Identifier: Apache-2.0
// Redis Streams by hiredis: XADD in a pipeline of 2,000; a group that reads 500 at once, and XACK
// and XDEL of a batch in one write with the next read.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/peers/client.hpp"

namespace {

constexpr std::uint64_t window = 2'000;
constexpr std::uint64_t read_count = 500;

using Context = std::unique_ptr<redisContext, decltype(&redisFree)>;
using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

Context connect(const bench::Arguments& load) {
  Context redis(redisConnect("127.0.0.1", bench::port_of(load)), redisFree);
  if (redis == nullptr || redis->err != 0) bench::give_up("no Redis");
  return redis;
}

Reply next_reply(const Context& redis) {
  void* reply = nullptr;
  if (redisGetReply(redis.get(), &reply) != REDIS_OK) bench::give_up(redis->errstr);
  Reply owned(static_cast<redisReply*>(reply), freeReplyObject);
  // The group may be there from an earlier run.
  if (owned->type == REDIS_REPLY_ERROR && !std::string_view(owned->str).starts_with("BUSYGROUP")) {
    bench::give_up(owned->str);
  }
  return owned;
}

// Formatted once, sent often.
std::string command_of(const char* format, const char* body, std::size_t size) {
  char* text = nullptr;
  const int length = redisFormatCommand(&text, format, body, size);
  std::string command(text, static_cast<std::size_t>(length));
  redisFreeCommand(text);
  return command;
}

void append(const Context& redis, const std::string& command) {
  redisAppendFormattedCommand(redis.get(), command.data(), command.size());
}

void produce(const bench::Arguments& load) {
  const Context redis = connect(load);
  const std::string body(load.bytes, 'x');
  const std::string add = command_of("XADD bench * b %b", body.data(), body.size());
  const std::uint64_t under_way_max = bench::window_of(load, window);
  // Refilled by quarters, so that a write carries many commands.
  const std::uint64_t quarter = std::max<std::uint64_t>(under_way_max / 4, 1);
  bench::tell("first_send", bench::now_s());
  std::uint64_t sent = 0;
  for (std::uint64_t confirmed = 0; confirmed < load.count;) {
    for (; sent < load.count && sent - confirmed < under_way_max; ++sent) append(redis, add);
    for (std::uint64_t i = 0; i < quarter && confirmed < sent; ++i, ++confirmed) next_reply(redis);
  }
  bench::tell("all_confirmed", bench::now_s());
}

// The messages of a read, or none: [[stream, [[id, [field, body]] …]]].
std::vector<const redisReply*> messages_in(const redisReply& reply) {
  std::vector<const redisReply*> found;
  if (reply.type != REDIS_REPLY_ARRAY) return found;
  const redisReply& entries = *reply.element[0]->element[1];
  return {entries.element, entries.element + entries.elements};
}

void append_settling(const Context& redis, const std::vector<const redisReply*>& messages) {
  for (const bool is_ack : {true, false}) {
    std::vector<const char*> words = is_ack ? std::vector<const char*>{"XACK", "bench", "workers"}
                                            : std::vector<const char*>{"XDEL", "bench"};
    for (const redisReply* message : messages) words.push_back(message->element[0]->str);
    redisAppendCommandArgv(redis.get(), static_cast<int>(words.size()), words.data(), nullptr);
  }
}

void consume(const bench::Arguments& load) {
  const Context redis = connect(load);
  append(redis, command_of("XGROUP CREATE bench workers 0 MKSTREAM", "", 0));
  next_reply(redis);
  const std::string format = "XREADGROUP GROUP workers one COUNT " + std::to_string(read_count) +
                             " BLOCK 1000 STREAMS bench >";
  const std::string read = command_of(format.c_str(), "", 0);
  bench::tell("ready", bench::now_s());
  append(redis, read);
  for (std::uint64_t got = 0; got < load.count;) {
    const Reply reply = next_reply(redis);
    const std::vector<const redisReply*> messages = messages_in(*reply);
    for (const redisReply* message : messages) {
      if (message->element[1]->element[1]->len != load.bytes) bench::give_up("a wrong size");
    }
    got += messages.size();
    if (!messages.empty()) append_settling(redis, messages);
    if (got < load.count) append(redis, read);
    for (int settled = 0; !messages.empty() && settled < 2; ++settled) next_reply(redis);
  }
  bench::tell("all_acked", bench::now_s());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_client(argc, argv, produce, consume);
}
