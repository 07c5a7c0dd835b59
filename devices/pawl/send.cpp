// SPDX-License-Identifier: Apache-2.0
// pawl send: one message a line.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include <pawl/producer.hpp>

#include "core/chunk/text.hpp"
#include "core/limits.hpp"
#include "devices/numbers.hpp"
#include "devices/pawl/commands.hpp"
#include "devices/pawl/message_reader.hpp"
#include "devices/pawl/send_watch.hpp"
#include "devices/pawl/sent_messages.hpp"

namespace pawl::devices {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// The input, and how large it is if that can be known (for the progress bar).
struct Input {
  int fd = STDIN_FILENO;
  std::uint64_t size = 0;
  ~Input() {
    if (fd != STDIN_FILENO && fd >= 0) close(fd);
  }
};

bool open_input(const SendArguments& arguments, Input& input) {
  if (!arguments.file.empty() && arguments.file != "-") {
    input.fd = open(arguments.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (input.fd < 0) {
      std::fprintf(stderr, "pawl send: %s: %s\n", arguments.file.c_str(), std::strerror(errno));
      return false;
    }
  }
  struct stat about {};
  if (fstat(input.fd, &about) != 0) return true;  // a closed stdin: reading it will say so
  if (S_ISDIR(about.st_mode)) {
    std::fprintf(stderr, "pawl send: %s: %s\n",
                 arguments.file.empty() ? "input" : arguments.file.c_str(), std::strerror(EISDIR));
    return false;
  }
  if (S_ISREG(about.st_mode)) input.size = static_cast<std::uint64_t>(about.st_size);
  return true;
}

std::optional<Headers> parse_headers(const std::vector<std::string>& texts) {
  Headers headers;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::fprintf(stderr, "pawl send: --header %s: expected NAME=VALUE\n", text.c_str());
      return std::nullopt;
    }
    if (!is_utf8(text)) {
      std::fprintf(stderr, "pawl send: --header %s: names and values are UTF-8\n",
                   clean_text(text, 128).c_str());
      return std::nullopt;
    }
    if (!headers.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      std::fprintf(stderr, "pawl send: --header %s: this name was given before\n", text.c_str());
      return std::nullopt;
    }
  }
  if (headers.size() > limits::headers_max) {
    std::fprintf(stderr, "pawl send: %zu headers: a message has at most 64\n", headers.size());
    return std::nullopt;
  }
  return headers;
}

// What was taken from the input.
struct Taken {
  std::uint64_t messages = 0;
  std::uint64_t kept = 0;  // of them in the queue before this run
  bool whole = false;      // the input was read to its end
};

// Hands the input to the producer, line by line, until its end or until the watch ends it.
class Sender {
 public:
  Sender(const SendArguments& arguments, const Headers& headers, Producer& producer,
         SendWatch& watch, SentMessages& sent)
      : arguments_(arguments),
        named_(!arguments.producer.empty()),
        producer_(producer),
        watch_(watch),
        sent_(sent) {
    message_.headers = headers;
  }

  // What was taken is told whatever ends it.
  void run(const Input& input, Taken& taken) {
    try {
      if (named_) kept_ = producer_.kept(arguments_.wait + 1s);
      take_all(input, taken);
    } catch (const Closed&) {
      // By the watch, which knows why.
    } catch (const Unconfirmed&) {
      watch_.give_up();
    }
  }

  bool forgotten() const { return kept_.forgotten; }

 private:
  void take_all(const Input& input, Taken& taken) {
    const char separator = arguments_.null_separated ? '\0' : '\n';
    MessageReader reader(input.fd, separator, limits::body_bytes_max, watch_.ended_fd());
    std::string_view body;
    for (;;) {
      switch (reader.next(body)) {
        case MessageReader::Found::message:
          send(++taken.messages, body);
          if (named_ && kept_.has(taken.messages)) ++taken.kept;
          watch_.read(reader.bytes_read());
          break;
        case MessageReader::Found::too_long:
          ++taken.messages;
          watch_.say("message " + std::to_string(taken.messages) +
                     " is longer than 1 MiB, the most a message may have: send where it "
                     "lies instead");
          break;
        case MessageReader::Found::end: taken.whole = true; return;
        case MessageReader::Found::woken: return;
        case MessageReader::Found::failed: watch_.say("input: " + reader.error()); return;
      }
    }
  }

  void send(std::uint64_t number, std::string_view body) {
    if (message_.headers.empty()) {
      sent_.add(number, named_ ? producer_.send_at(number, body) : producer_.send(body));
      return;
    }
    message_.body = body;
    sent_.add(number, named_ ? producer_.send_at(number, message_) : producer_.send(message_));
  }

  const SendArguments& arguments_;
  bool named_;
  Producer& producer_;
  SendWatch& watch_;
  Message message_;
  Kept kept_;
  SentMessages& sent_;
};

// Waits for the answers to everything that was sent, for as long as the device is there.
void await_answers(Producer& producer, const SendWatch& watch) {
  while (!watch.ended() && producer.flush(250ms).unconfirmed != 0) {
  }
}

void report_missing(const SendResult& result, SentMessages& sent) {
  if (result.refused != 0) {
    std::fprintf(stderr, "pawl send: %" PRIu64 " refused, first message %" PRIu64 ": %s\n",
                 result.refused, sent.first_refused(), result.first_refusal.c_str());
  }
  if (sent.first_unconfirmed() != 0) {
    std::fprintf(stderr, "pawl send: message %" PRIu64 " is the first that was not confirmed\n",
                 sent.first_unconfirmed());
  }
}

void report(const SendArguments& arguments, const Taken& taken, const SendResult& result,
            std::chrono::duration<double> took) {
  if (!arguments.producer.empty()) {
    if (taken.messages != 0 && taken.kept == taken.messages) {
      std::fprintf(stderr,
                   "pawl send: every message was kept before; if this input is new, give it a "
                   "--producer name of its own: one name, one input\n");
    }
    std::fprintf(stderr, "%" PRIu64 " were already kept\n", taken.kept);
  }
  std::fprintf(stderr, "confirmed %" PRIu64 " of %" PRIu64 " in %.2f s\n", result.confirmed,
               taken.messages, took.count());
}

}  // namespace

int send(const SendArguments& arguments, const Signals& signals) {
  const auto headers = parse_headers(arguments.headers);
  Input input;
  if (!headers || !open_input(arguments, input)) return 2;

  const auto begun = Clock::now();
  Taken taken;
  SentMessages sent;
  SendResult result;
  auto why = SendWatch::Why::done;
  int signal = 0;
  {
    Producer producer({.endpoint = arguments.endpoint,
                       .queue = arguments.queue,
                       .name = arguments.producer,
                       .durability = arguments.durable ? Durability::synced : Durability::memory,
                       .log = [](LogLevel, std::string_view) {}});
    SendWatch watch(producer, signals, arguments, input.size);
    try {
      Sender sender(arguments, *headers, producer, watch, sent);
      sender.run(input, taken);
      if (sender.forgotten()) {
        watch.say(
            "the device has forgotten producers that were idle for long: what this name "
            "sent before may be kept twice");
      }
      await_answers(producer, watch);
      if (watch.why() == SendWatch::Why::refused) producer.wait_open(0s);  // throws what it was
    } catch (const Refused& refused) {
      watch.say(std::string("refused: ") + refused.what());
      why = SendWatch::Why::refused;
    }
    watch.stop();
    if (why == SendWatch::Why::done) why = watch.why();
    signal = watch.signal();
    result = producer.close(why == SendWatch::Why::done ? 2s : 0s);
  }
  report_missing(result, sent);
  report(arguments, taken, result, Clock::now() - begun);
  if (why == SendWatch::Why::signal) return 128 + signal;
  const bool all = taken.whole && why == SendWatch::Why::done && result.confirmed == taken.messages;
  return all ? 0 : 1;
}

}  // namespace pawl::devices
