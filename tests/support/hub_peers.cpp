// SPDX-License-Identifier: Apache-2.0
#include "tests/support/hub_peers.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/chunk/chunk.hpp"
#include "core/limits.hpp"
#include "core/protocol/deliver_chunks.hpp"
#include "tests/support/hub_tester.hpp"

namespace pawl::testing {

using protocol::Command;

namespace {
constexpr std::uint32_t handle = 1;
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    items.emplace_back(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return items;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

std::string ranges_text(const std::set<std::uint64_t>& numbers) {
  std::vector<std::string> items;
  for (auto at = numbers.begin(); at != numbers.end();) {
    const std::uint64_t first = *at;
    std::uint64_t last = first;
    while (++at != numbers.end() && *at == last + 1) last = *at;
    items.push_back(std::to_string(first) + (last == first ? "" : "-" + std::to_string(last)));
  }
  return joined(items);
}

Slice chunk_of(const std::vector<std::string>& bodies) {
  ChunkBuilder builder;
  for (const std::string& body : bodies) builder.append({}, std::as_bytes(std::span(body)));
  return builder.take();
}

TestPeer::TestPeer(HubTester& hub, std::string peer_name, std::uint32_t slots)
    : hub_(hub), name_(std::move(peer_name)), slots_(slots) {}

protocol::Hello TestPeer::hello() const {
  protocol::Hello hello;
  hello.versions = {protocol::version};
  hello.peer = name_;
  hello.token = token_;
  hello.slots = slots_;
  hello.got = token_ ? got_ : 0;
  return hello;
}

void TestPeer::connect() {
  connection_ = hub_.new_connection(*this);
  connected_ = true;
  beat_number_ = echo_ = 0;
  say(counted(hello()));
}

void TestPeer::say(const protocol::Message& message, std::vector<Slice> frames) {
  say_raw(protocol::encode(message), std::move(frames));
}

void TestPeer::say_raw(std::vector<std::byte> header, std::vector<Slice> frames) {
  if (!alive || !connected_) return;
  hub_.to_hub({connection_, {std::move(header), std::move(frames)}});
}

void TestPeer::beat() {
  say(protocol::Beat{++beat_number_, echo_, acknowledges ? got_ : 0, settled_upto_});
}

void TestPeer::lose_connection() {
  hub_.cut(connection_);
  connected_ = false;
}

std::string TestPeer::errors() {
  std::vector<std::string> codes;
  for (const auto& [code, text] : errors_told) codes.emplace_back(name_of(code));
  errors_told.clear();
  return joined(codes);
}

void TestPeer::receive(const WireMessage& wire) {
  if (!alive) return;
  ++frames_received;
  const auto message = protocol::decode(wire.header);
  if (!message) throw std::runtime_error("a hub sent: " + message.fault().text);
  if (protocol::frames_expected(*message) != wire.frames.size()) {
    throw std::runtime_error("a hub sent another number of frames than its header says");
  }
  if (const auto* told = std::get_if<protocol::Welcome>(&*message)) {
    token_ = told->token;
    resumed_ = told->resumed;
    welcome = *told;
    if (!resumed_) got_ = settled_upto_ = 0;
    return on_welcome();
  }
  if (const auto* told = std::get_if<protocol::Error>(&*message)) {
    errors_told.emplace_back(told->code, std::string(told->text));
    return;
  }
  if (const auto* told = std::get_if<protocol::Beat>(&*message)) {
    echo_ = std::max(echo_, told->number);
    return;
  }
  if (const auto* told = std::get_if<protocol::GoAway>(&*message)) {
    goaway = told->reason;
    return;
  }
  on_message(*message, wire.frames);
}

// The producer ------------------------------------------------------------------------------------

TestProducer::TestProducer(HubTester& hub, std::string queue, Options options)
    : TestPeer(hub, "producer", 0), queue_(std::move(queue)), options_(std::move(options)) {}

void TestProducer::on_welcome() {
  credit_messages = credit_bytes = used_messages = 0;
  protocol::Open open;
  open.handle = handle;
  open.name = queue_;
  open.role = protocol::Role::producer;
  const std::string source = options_.name.empty() ? hub_.fresh_name(this) : options_.name;
  open.source = source;
  open.anonymous = options_.name.empty();
  open.epoch = epoch;
  open.durability = options_.durability;
  say(open);
}

void TestProducer::on_message(const protocol::Message& message, const std::vector<Slice>&) {
  if (const auto* told = std::get_if<protocol::Opened>(&message)) {
    opened = *told;
    epoch = told->epoch;
    known_ranges = told->known;
    if (unanswered_.empty() && confirmed_.empty()) {  // a new incarnation goes on after the old one
      next_seq = std::max(next_seq, told->floor);
      for (const auto& range : known_ranges)
        next_seq = std::max(next_seq, range.first + range.length);
    }
  } else if (const auto* confirm = std::get_if<protocol::Confirm>(&message)) {
    for (const protocol::Confirm::Row& row : confirm->rows) {
      confirm_rows.push_back(row);
      for (std::uint64_t seq = row.seq; seq < row.seq + row.length; ++seq) {
        (row.duplicate ? duplicates_ : confirmed_).insert(seq);
        unanswered_.erase(seq);
        refusals.erase(seq);
      }
    }
  } else if (const auto* refuse = std::get_if<protocol::Refuse>(&message)) {
    for (const protocol::Refuse::Row& row : refuse->rows) {
      for (std::uint64_t seq = row.seq; seq < row.seq + row.length; ++seq) {
        refusals[seq] = row.code;
        if (!is_transient(row.code)) unanswered_.erase(seq);
      }
    }
  } else if (const auto* credit = std::get_if<protocol::Credit>(&message)) {
    credit_messages = credit->messages_total;
    credit_bytes = credit->bytes_total;
  }
}

std::uint64_t TestProducer::send(std::string_view list) {
  return send_all(split(list));
}

std::uint64_t TestProducer::send_all(const std::vector<std::string>& bodies) {
  const std::uint64_t first = next_seq;
  for (const std::string& body : bodies) unanswered_[next_seq++] = body;
  send_part({handle, epoch, std::min(floor(), first), first,
             static_cast<std::uint32_t>(bodies.size()), 0, 0, 0},
            chunk_of(bodies));
  return first;
}

void TestProducer::send_at(std::uint64_t seq, std::string_view list) {
  const std::vector<std::string> bodies = split(list);
  std::uint64_t at = seq;
  for (const std::string& body : bodies) unanswered_[at++] = body;
  next_seq = std::max(next_seq, at);
  send_part({handle, epoch, std::min(floor(), seq), seq, static_cast<std::uint32_t>(bodies.size()),
             0, 0, 0},
            chunk_of(bodies));
}

void TestProducer::send_part(protocol::Send::Part part, Slice chunk) {
  used_messages += part.count;
  protocol::Send send;
  send.parts = {part};
  say(send, {std::move(chunk)});
}

void TestProducer::resend() {
  for (const auto& [seq, body] : unanswered_) {
    send_part({handle, epoch, floor(), seq, 1, 0, 0, 0}, chunk_of({body}));
  }
}

std::string TestProducer::refused() const {
  std::vector<std::string> items;
  for (const auto& [seq, code] : refusals) {
    items.push_back(std::to_string(seq) + ':' + std::string(name_of(code)));
  }
  return joined(items);
}

std::string TestProducer::known() const {
  std::set<std::uint64_t> numbers;
  for (const auto& range : known_ranges) {
    for (std::uint64_t i = 0; i < range.length; ++i) numbers.insert(range.first + i);
  }
  return ranges_text(numbers);
}

std::uint64_t TestProducer::floor() const {
  return unanswered_.empty() ? next_seq : unanswered_.begin()->first;
}

// The worker --------------------------------------------------------------------------------------

TestWorker::TestWorker(HubTester& hub, std::string queue, Options options)
    : TestPeer(hub, options.name, options.slots),
      queue_(std::move(queue)),
      options_(std::move(options)) {}

protocol::Hello TestWorker::hello() const {
  protocol::Hello hello = TestPeer::hello();
  if (!token_) return hello;
  for (const Held& one : hands) {
    hello.held.push_back({handle, one.lease, {0, one.offset, 1}});
  }
  return hello;
}

void TestWorker::on_welcome() {
  if (!resumed_) {
    hands.clear();
    settle_number_ = 0;
  }
  protocol::Open open;
  open.handle = handle;
  open.name = queue_;
  open.role = protocol::Role::worker;
  say(open);
  granted_ = 0;
  if (options_.credit > 0) credit(options_.credit);
}

void TestWorker::credit(std::uint64_t more) {
  granted_ += more;
  say(protocol::Credit{handle, granted_, options_.credit_bytes});
}

void TestWorker::on_message(const protocol::Message& message, const std::vector<Slice>& frames) {
  if (const auto* deliver = std::get_if<protocol::Deliver>(&message)) {
    on_deliver(*deliver, frames);
  } else if (const auto* told = std::get_if<protocol::Settled>(&message)) {
    settled_upto_ = std::max(settled_upto_, told->upto);
    for (const auto& exception : told->exceptions) {
      exceptions_.push_back(std::to_string(exception.range.offset) + '+' +
                            std::to_string(exception.range.length) + ':' +
                            std::string(name_of(exception.code)));
    }
    if (settled_upto_ == settle_number_) {
      std::erase_if(hands, [](const Held& one) { return one.settled; });
    }
  } else if (const auto* recall = std::get_if<protocol::Recall>(&message)) {
    recalled += recall->messages;
  } else if (const auto* told_opened = std::get_if<protocol::Opened>(&message)) {
    opened = *told_opened;
  }
}

void TestWorker::on_deliver(const protocol::Deliver& deliver, const std::vector<Slice>& frames) {
  got_ = std::max(got_, deliver.number);
  const auto take = [&](const protocol::Deliver::Row& row, const Slice& chunk, const Fault& fault) {
    if (fault.code != Code::ok) throw std::runtime_error("a hub delivered: " + fault.text);
    ChunkReader reader(chunk.bytes());
    Entry entry;
    for (std::uint64_t offset = row.offset; reader.next(entry); ++offset) {
      Held one;
      one.lease = deliver.lease;
      one.offset = offset;
      one.number = deliver.number;
      one.body.assign(reinterpret_cast<const char*>(entry.body.data()), entry.body.size());
      one.attempt = row.attempt;
      one.flags = row.flags;
      if (const auto meta = decode_meta(entry.meta)) one.meta = *meta;
      news_.push_back(one.body + (row.attempt > 1 ? '#' + std::to_string(row.attempt) : "") +
                      (row.flags & protocol::deliver_flags::alone ? "!" : ""));
      hands.push_back(std::move(one));
    }
  };
  protocol::each_chunk(deliver, frames, limits::body_bytes_max, take);
}

std::string TestWorker::delivered() {
  return joined(std::exchange(news_, {}));
}
std::string TestWorker::exceptions() {
  return joined(std::exchange(exceptions_, {}));
}

std::string TestWorker::holds() const {
  std::vector<std::string> items;
  for (const Held& one : hands) {
    if (!one.settled) items.push_back(one.body);
  }
  return joined(items);
}

const TestWorker::Held& TestWorker::held(std::string_view body) const {
  for (auto one = hands.rbegin(); one != hands.rend(); ++one) {
    if (one->body == body) return *one;
  }
  throw std::runtime_error("this worker does not hold " + std::string(body));
}

void TestWorker::settle(protocol::Verb verb, std::string_view list, std::string_view reason,
                        std::optional<std::uint64_t> delay_ms) {
  protocol::Settle settle{handle, ++settle_number_, {}};
  for (const std::string& body : split(list)) {
    const Held& one = held(body);
    settle.rows.push_back({verb, one.lease, 0, one.offset, 1, delay_ms, reason});
    if (verb == protocol::Verb::extend) continue;
    for (Held& mine : hands) {
      if (mine.lease == one.lease && mine.offset == one.offset) mine.settled = true;
    }
  }
  say(settle);
}

void TestWorker::settle_row(const protocol::Settle::Row& row) {
  say(protocol::Settle{handle, ++settle_number_, {row}});
}

void TestWorker::ack_all() {
  while (!holds().empty()) {
    protocol::Settle settle{handle, ++settle_number_, {}};
    for (Held& one : hands) {
      if (one.settled || settle.rows.size() == 1024) continue;
      settle.rows.push_back({protocol::Verb::ack, one.lease, 0, one.offset, 1, {}, ""});
      one.settled = true;
    }
    say(settle);
  }
}

void TestWorker::forget(std::string_view list) {
  for (const std::string& body : split(list)) {
    std::erase_if(hands, [&](const Held& one) { return one.body == body; });
  }
}

}  // namespace pawl::testing
