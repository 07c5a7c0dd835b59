// SPDX-License-Identifier: Apache-2.0
// NATS JetStream by its text protocol: the fast batch publish of 2.14 and later, 500 to an answer
// and four answers ahead; a pull consumer that takes 5,000 at once and acks all up to a message.
#include <algorithm>
#include <charconv>

#include "bench/peers/stream.hpp"

namespace {

constexpr std::uint64_t answered_every = 500;
constexpr std::uint64_t window = 4 * answered_every;
constexpr std::uint64_t pulled = 5'000;
constexpr std::uint64_t acked_every = 500;

struct Message {
  std::string reply{};
  std::string body{};
};

class Nats {
 public:
  // What is answered comes to subjects below `inbox`.
  Nats(const bench::Arguments& load, const std::string& inbox)
      : server_(bench::port_of(load)), inbox_(inbox) {
    server_.line();  // INFO
    server_.write(
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,"
        "\"no_responders\":true}\r\n");
    server_.write("SUB " + inbox + ".> 1\r\n");
  }

  void publish(std::string_view subject, std::string_view reply, std::string_view body) {
    server_.write("PUB ");
    server_.write(subject);
    if (!reply.empty()) {
      server_.write(" ");
      server_.write(reply);
    }
    server_.write(" ");
    server_.write(std::to_string(body.size()));
    server_.write("\r\n");
    server_.write(body);
    server_.write("\r\n");
  }

  void flush() { server_.flush(); }
  bool has_more() const { return server_.has_line(); }

  // (H)MSG subject sid [reply] [header bytes] bytes
  Message next() {
    for (;;) {
      const std::string line(server_.line());
      if (line == "PING") {
        server_.write("PONG\r\n");
        server_.flush();
      }
      if (line.starts_with("-ERR")) bench::give_up("NATS: " + line);
      const bool has_header = line.starts_with("HMSG ");
      if (!has_header && !line.starts_with("MSG ")) continue;
      const std::size_t size_at = line.rfind(' ') + 1;
      std::size_t size = 0;
      std::from_chars(line.data() + size_at, line.data() + line.size(), size);
      const std::string_view body = server_.body(size);
      if (has_header) return {.reply = "", .body = std::string(body)};
      const std::size_t sid_end = line.find(' ', line.find(' ', 4) + 1);
      std::string reply;
      if (sid_end + 1 != size_at) reply = line.substr(sid_end + 1, size_at - sid_end - 2);
      return {.reply = std::move(reply), .body = std::string(body)};
    }
  }

  // Asks the server's own API.
  void request(std::string_view subject, std::string_view body) {
    publish(subject, inbox_ + ".api", body);
    flush();
    const std::string answer = next().body;
    if (answer.find("\"error\"") != std::string::npos) bench::give_up("NATS: " + answer);
  }

 private:
  bench::Stream server_;
  std::string inbox_;
};

std::uint64_t number_after(const std::string& json, std::string_view key) {
  const std::size_t at = json.find(key);
  std::uint64_t number = 0;
  if (at != std::string::npos) {
    std::from_chars(json.data() + at + key.size(), json.data() + json.size(), number);
  }
  return number;
}

// confirms.batch.<flow>.<gap mode>.<number in the batch>.<0 start, 1 append, 2 commit>.$FI
void produce(const bench::Arguments& load) {
  Nats nats(load, "confirms");
  const std::string body(load.bytes, 'x');
  const std::string prefix = "confirms.batch." + std::to_string(answered_every) + ".fail.";
  const std::uint64_t under_way_max = bench::window_of(load, window);
  bench::tell("first_send", bench::now_s());
  std::uint64_t sent = 0;
  for (std::uint64_t confirmed = 0; confirmed < load.count;) {
    while (sent < load.count && sent - confirmed < under_way_max) {
      const int act = ++sent == load.count ? 2 : sent == 1 ? 0 : 1;
      nats.publish("bench", prefix + std::to_string(sent) + "." + std::to_string(act) + ".$FI",
                   body);
    }
    nats.flush();
    const std::string answer = nats.next().body;
    if (answer.find("error") != std::string::npos) bench::give_up("NATS: " + answer);
    const std::uint64_t all = number_after(answer, "\"count\":");
    confirmed = all != 0 ? all : std::max(confirmed, number_after(answer, "\"seq\":"));
  }
  bench::tell("all_confirmed", bench::now_s());
}

void pull(Nats& nats, std::uint64_t count) {
  nats.publish("$JS.API.CONSUMER.MSG.NEXT.bench.workers", "deliveries.pulled",
               "{\"batch\":" + std::to_string(count) + "}");
}

void consume(const bench::Arguments& load) {
  Nats nats(load, "deliveries");
  const std::string storage = load["--durable"] != 0 ? "file" : "memory";
  nats.request("$JS.API.STREAM.CREATE.bench",
               R"({"name":"bench","subjects":["bench"],"retention":"limits","storage":")" +
                   storage + R"(","num_replicas":1,"allow_batched":true})");
  nats.request("$JS.API.CONSUMER.DURABLE.CREATE.bench.workers",
               R"({"stream_name":"bench","config":{"durable_name":"workers","ack_policy":"all",)"
               R"("max_ack_pending":100000}})");
  bench::tell("ready", bench::now_s());
  std::uint64_t asked = 0;
  for (std::uint64_t got = 0; got < load.count;) {
    // The next is asked for while half of the last is still to come.
    if (asked - got <= pulled / 2) {
      pull(nats, pulled);
      asked += pulled;
      nats.flush();
    }
    const Message message = nats.next();
    if (message.reply.empty()) bench::give_up("NATS: " + message.body);
    if (message.body.size() != load.bytes) bench::give_up("a body of a wrong size");
    if (++got % acked_every == 0 && got != load.count) {
      nats.publish(message.reply, "", "+ACK");
      nats.flush();
    }
    // The last ack is answered.
    if (got == load.count) nats.publish(message.reply, "deliveries.acked", "+ACK");
  }
  nats.flush();
  nats.next();
  bench::tell("all_acked", bench::now_s());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_client(argc, argv, produce, consume);
}
