// SPDX-License-Identifier: Apache-2.0
// Peers of a HubTester, at the level of the protocol: they send what a test tells them to and keep
// what they are told. They try nothing again by themselves; the production machines of
// patterns/peer do, in tests/simulation.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/chunk/meta.hpp"
#include "core/protocol/codec.hpp"
#include "core/time.hpp"
#include "core/wire_message.hpp"

namespace pawl::testing {

class HubTester;

// "a,b,c" as a list, and back.
std::vector<std::string> split(std::string_view list);
std::string joined(const std::vector<std::string>& items);
// Numbers as "1-3,5".
std::string ranges_text(const std::set<std::uint64_t>& numbers);
Slice chunk_of(const std::vector<std::string>& bodies);

class TestPeer {
 public:
  TestPeer(HubTester& hub, std::string peer_name, std::uint32_t slots);
  virtual ~TestPeer() = default;

  // HELLO on a new connection; with the token once there is one.
  void connect();
  // The HELLO that connect() would send now, to be sent later: a connection that is overtaken.
  std::vector<std::byte> hello_to_come() { return protocol::encode(counted(hello())); }
  void say(const protocol::Message& message, std::vector<Slice> frames = {});
  void say_raw(std::vector<std::byte> header, std::vector<Slice> frames = {});
  void beat();
  void bye() { say(protocol::Bye{}); }
  // The process is gone: it says nothing any more, not even to the network.
  void die() { alive = false; }
  // The network is gone: what is under way is lost; the peer knows, and may connect() again.
  void lose_connection();
  bool is_connected() const { return connected_; }
  bool resumed() const { return resumed_; }
  const std::string& connection() const { return connection_; }
  // Texts of ERRORs since the last call, "CODE" each.
  std::string errors();
  std::vector<std::pair<Code, std::string>> errors_told;
  std::size_t frames_received = 0;  // messages of any kind
  std::optional<protocol::Welcome> welcome;
  std::string goaway;
  bool alive = true;
  bool beats = true;         // by itself, when the tester's time goes on
  bool acknowledges = true;  // its beats say what it has received

  void receive(const WireMessage& message);

 protected:
  virtual void on_welcome() = 0;
  virtual void on_message(const protocol::Message& message, const std::vector<Slice>& frames) = 0;
  virtual protocol::Hello hello() const;
  protocol::Hello counted(protocol::Hello hello) {
    hello.number = ++hellos_;
    return hello;
  }

  HubTester& hub_;
  std::string name_;
  std::uint32_t slots_;
  std::string connection_;
  bool connected_ = false;
  bool resumed_ = false;
  std::optional<Bytes16> token_;
  std::uint64_t hellos_ = 0, beat_number_ = 0, echo_ = 0, got_ = 0, settled_upto_ = 0;
};

class TestProducer : public TestPeer {
 public:
  struct Options {
    std::string name{};  // empty: anonymous
    Durability durability = Durability::memory;
  };
  TestProducer(HubTester& hub, std::string queue, Options options);

  // One SEND of one part; returns its first sequence.
  std::uint64_t send(std::string_view list);
  std::uint64_t send_all(const std::vector<std::string>& bodies);
  // Again, or out of order: as if these were the messages from `seq` on.
  void send_at(std::uint64_t seq, std::string_view list);
  void send_part(protocol::Send::Part part, Slice chunk);
  // Everything that was not answered, again, in order, one SEND a message.
  void resend();

  std::string confirmed() const { return ranges_text(confirmed_); }
  std::string duplicates() const { return ranges_text(duplicates_); }
  std::string refused() const;  // "4:FULL,6:RETRY"
  std::string known() const;    // as OPENED said: "1-3,5"
  std::uint64_t floor() const;

  std::uint64_t epoch = 0;
  std::uint64_t next_seq = 1;
  std::optional<protocol::Opened> opened;
  std::vector<protocol::SequenceRange> known_ranges;
  std::vector<protocol::Confirm::Row> confirm_rows;
  std::map<std::uint64_t, Code> refusals;
  std::uint64_t credit_messages = 0, credit_bytes = 0;
  std::uint64_t used_messages = 0;

 protected:
  void on_welcome() override;
  void on_message(const protocol::Message& message, const std::vector<Slice>& frames) override;

 private:
  std::string queue_;
  Options options_;
  std::map<std::uint64_t, std::string> unanswered_;
  std::set<std::uint64_t> confirmed_, duplicates_;
};

class TestWorker : public TestPeer {
 public:
  struct Options {
    std::uint64_t credit = 100;
    std::uint64_t credit_bytes = std::uint64_t{1} << 40;
    std::uint32_t slots = 256;
    std::string name = "worker";
  };
  struct Held {
    std::uint64_t lease = 0, offset = 0, number = 0;
    std::string body;
    std::uint32_t attempt = 1, flags = 0;
    Meta meta;
    bool settled = false;  // sent, and perhaps not answered
  };
  TestWorker(HubTester& hub, std::string queue, Options options);

  // Since the last call: "a,b,c"; an attempt other than the first as "a#2", alone as "a!".
  std::string delivered();
  std::string holds() const;  // not settled: "b,c"
  void credit(std::uint64_t more);

  void ack(std::string_view list) { settle(protocol::Verb::ack, list); }
  void nack(std::string_view list, std::string_view reason = "",
            std::optional<std::uint64_t> delay_ms = {}) {
    settle(protocol::Verb::nack, list, reason, delay_ms);
  }
  void reject(std::string_view list, std::string_view reason = "") {
    settle(protocol::Verb::reject, list, reason);
  }
  void give_back(std::string_view list, std::optional<std::uint64_t> delay_ms = {}) {
    settle(protocol::Verb::give_back, list, "", delay_ms);
  }
  void extend(std::string_view list) { settle(protocol::Verb::extend, list); }
  void ack_all();
  void settle(protocol::Verb verb, std::string_view list, std::string_view reason = "",
              std::optional<std::uint64_t> delay_ms = {});
  void settle_row(const protocol::Settle::Row& row);
  // As if it had never been received, or the handler had lost it.
  void forget(std::string_view list);

  std::uint64_t settled_upto() const { return settled_upto_; }
  std::uint64_t settle_number() const { return settle_number_; }
  std::string exceptions();  // since the last call: "3+1:STALE"
  const Held& held(std::string_view body) const;

  std::vector<Held> hands;
  std::uint64_t recalled = 0;
  std::optional<protocol::Opened> opened;

 protected:
  void on_welcome() override;
  void on_message(const protocol::Message& message, const std::vector<Slice>& frames) override;
  protocol::Hello hello() const override;

 private:
  void on_deliver(const protocol::Deliver& deliver, const std::vector<Slice>& frames);

  std::string queue_;
  Options options_;
  std::uint64_t granted_ = 0;
  std::uint64_t settle_number_ = 0;
  std::vector<std::string> news_;
  std::vector<std::string> exceptions_;
};

}  // namespace pawl::testing
