// SPDX-License-Identifier: Apache-2.0
// The producer's shell: the turn around ProducerMachine, and the public face.
#include <pawl/producer.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <thread>

#include "core/check.hpp"
#include "core/chunk/meta.hpp"
#include "core/chunk/text.hpp"
#include "core/limits.hpp"
#include "patterns/peer/clock.hpp"
#include "patterns/peer/link.hpp"
#include "patterns/peer/once.hpp"
#include "patterns/peer/outbox.hpp"

namespace pawl {
namespace {

// What one turn reads before it looks at anything else.
constexpr int socket_reads_max = 256;
// Messages that come at shorter intervals go together.
constexpr Duration together_within = std::chrono::microseconds(50);
// For BYE; what is unconfirmed was waited for before.
constexpr int linger_ms = 200;

ProducerOptions checked(ProducerOptions options) {
  peer::require_name("queue", options.queue);
  if (!options.name.empty()) peer::require_name("producer", options.name);
  if (options.peer.empty()) options.peer = peer::default_peer_name();
  options.peer = clean_text(options.peer, limits::name_bytes_max);
  options.back_pressure_deadline = peer::within_a_year(options.back_pressure_deadline);
  options.unconfirmed_messages_max = std::max<std::uint64_t>(options.unconfirmed_messages_max, 1);
  return options;
}

peer::ProducerMachine::Options machine_options(const ProducerOptions& options) {
  peer::ProducerMachine::Options machine;
  machine.queue = options.queue;
  machine.anonymous = options.name.empty();
  machine.source = machine.anonymous ? peer::random_name() : options.name;
  machine.durability = options.durability;
  machine.peer = options.peer;
  if (options.back_pressure == BackPressure::fail) machine.full_patience = Duration::zero();
  if (options.back_pressure == BackPressure::wait) {
    machine.full_patience = options.back_pressure_deadline;
  }
  return machine;
}

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// What no worker could read must not be confirmed: it would end unreadable among the dead letters.
std::vector<std::byte> meta_of(const Message& message) {
  if (message.headers.empty() && message.key.empty()) return {};
  if (message.headers.size() > limits::headers_max) {
    throw std::invalid_argument("a message has at most 64 headers; put the rest into its body");
  }
  for (const auto& [name, value] : message.headers) {
    if (is_utf8(name) && is_utf8(value)) continue;
    throw std::invalid_argument("header \"" + clean_text(name, limits::name_bytes_max) +
                                "\" is not UTF-8; put bytes into the body");
  }
  Meta meta;
  meta.key = message.key;
  meta.headers = message.headers;
  return encode_meta(meta);
}

}  // namespace

class Producer::Shell {
 public:
  explicit Shell(ProducerOptions given)
      : options_(checked(std::move(given))),
        link_({options_.endpoint, options_.context, options_.on_connection, options_.executor,
               options_.log}),
        outbox_(options_, link_.shared_gate()),
        machine_(machine_options(options_), peer::random_seed()),
        thread_([this] { run(); }) {}

  // ~Producer has closed it.
  ~Shell() { PAWL_CHECK(!thread_.joinable()); }

  Receipt send(Bytes meta, Bytes body, std::uint64_t sequence) {
    peer::Outbox::Added added = outbox_.add(meta, body, sequence);
    if (added.wake) send_or_wake();
    return std::move(added.receipt);
  }

  bool wait_open(std::chrono::milliseconds timeout);
  Kept kept(std::chrono::milliseconds timeout);
  SendResult flush(std::chrono::milliseconds deadline);
  SendResult close(std::chrono::milliseconds deadline);
  SendResult progress() const { return outbox_.progress(); }
  ConnectionState state() const { return link_.state(); }
  bool is_closed() const { return closing_.is_finished(); }
  const ProducerOptions& options() const { return options_; }
  void log(LogLevel level, const std::string& text) const { link_.log(level, text); }

 private:
  void run();
  bool turn(Instant now);
  void send_or_wake();
  bool send_now(Instant now);
  void publish(const peer::ProducerEffects& effects);
  void die(const std::string& why);

  ProducerOptions options_;
  peer::Link link_;
  peer::Outbox outbox_;

  // The I/O thread's own, but while it sleeps: then a caller of send() may have them for a moment.
  std::mutex turn_mutex_;
  peer::ProducerMachine machine_;
  std::optional<peer::SocketFailed> failed_;
  bool left_ = false;
  std::optional<peer::ProducerEffects> left_over_;  // of a caller's: for the I/O thread
  std::atomic<std::thread::id> driver_;  // who has them now: its log function may call send()
  std::exception_ptr failure_;           // of a caller's turn: the I/O thread is to end
  Instant wakes_at_ = never;             // the I/O thread, by itself
  Instant sent_at_{};                    // when a caller did so last

  std::mutex mutex_;
  std::condition_variable changed_;
  bool leaving_ = false;
  bool open_ = false;
  std::optional<Kept> kept_;
  std::optional<Fault> refusal_;
  std::optional<SendResult> closed_;
  peer::Once closing_;
  std::thread thread_;  // last: starts when everything else is there
};

void Producer::Shell::run() {
  try {
    peer::Link::Wait wait;
    for (;;) {
      const Instant now = peer::read_clock();
      {
        const std::lock_guard lock(turn_mutex_);
        driver_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        bool may_sleep = false;
        try {
          may_sleep = turn(now);
        } catch (const std::exception&) {
          failure_ = std::current_exception();  // before a caller has the lock
          throw;
        }
        driver_.store({}, std::memory_order_relaxed);
        if (left_) return;
        if (!may_sleep) continue;
        wakes_at_ = machine_.next_deadline();
        link_.prepare(wait);
      }
      link_.carry_out(wait, wakes_at_, now);
      outbox_.awake();
    }
  } catch (const std::exception& e) {
    die(e.what());
  }
}

// See the top of session_machine.hpp; this is the only function that does anything, and send_now()
// a small part of it. True: nothing is to be done before something happens.
bool Producer::Shell::turn(Instant now) {
  if (failure_) std::rethrow_exception(failure_);
  const bool established = machine_.session().established();
  peer::ProducerEffects effects;
  if (left_over_) effects = std::move(*left_over_);
  left_over_.reset();
  WireMessage message;
  for (int i = 0; i < socket_reads_max && link_.receive(message); ++i) {
    machine_.apply(peer::Received{std::move(message)}, now, effects);
  }
  // After what came before the break: a GOAWAY says more than the break does.
  if (link_.broken()) failed_ = peer::SocketFailed{"the connection broke"};
  if (failed_) machine_.apply(*std::exchange(failed_, std::nullopt), now, effects);
  bool leaving = false;
  {
    const std::lock_guard lock(mutex_);
    leaving = leaving_;
  }
  for (peer::Given& given : outbox_.take(machine_.takes_crumbs() || leaving)) {
    machine_.apply(std::move(given), now, effects);
  }
  if (leaving) {
    for (peer::Given& given : outbox_.take(true)) machine_.apply(std::move(given), now, effects);
    machine_.apply(peer::Leave{}, now, effects);
    left_ = true;
  }
  machine_.tick(now, effects);
  failed_ = link_.carry_out(effects.peer);
  publish(effects);
  if (left_) link_.close(established ? linger_ms : 0);
  return !left_ && !failed_ && outbox_.may_sleep(machine_.takes_crumbs());
}

// The I/O thread sleeps, and a message is to go. To wake a thread takes longer than to send, so the
// caller sends; but not when messages come so fast that some would go together, and never does it
// wait for the I/O thread.
void Producer::Shell::send_or_wake() {
  if (driver_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return link_.wake();
  const std::unique_lock lock(turn_mutex_, std::try_to_lock);
  const bool is_done = lock && send_now(peer::read_clock());
  if (lock) driver_.store({}, std::memory_order_relaxed);
  if (!is_done) link_.wake();
}

// False: the I/O thread has something to do.
bool Producer::Shell::send_now(Instant now) {
  driver_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  // What another caller could not finish goes first.
  if (left_over_ || failure_) return false;
  if (left_ || failed_ || !machine_.is_open() || now >= wakes_at_) return false;
  if (now - std::exchange(sent_at_, now) < together_within) return false;
  try {
    peer::ProducerEffects effects;
    for (peer::Given& given : outbox_.take(machine_.takes_crumbs())) {
      machine_.apply(std::move(given), now, effects);
    }
    machine_.tick(now, effects);
    // Callbacks are the I/O thread's.
    if (!effects.answers.empty() || !effects.peer.events.empty() || !effects.peer.logs.empty()) {
      left_over_ = std::move(effects);
      return false;
    }
    failed_ = link_.carry_out(effects.peer);
  } catch (const std::exception&) {
    failure_ = std::current_exception();
    return false;
  }
  return !failed_ && machine_.next_deadline() >= wakes_at_ && !link_.may_have_input() &&
         outbox_.may_sleep(machine_.takes_crumbs());
}

void Producer::Shell::publish(const peer::ProducerEffects& effects) {
  const auto& session = machine_.session();
  const bool is_refused = session.state() == peer::SessionMachine::State::refused;
  if (is_refused) outbox_.refuse(session.refusal(), session.refusal_text());
  outbox_.answer(effects.answers);
  const std::lock_guard lock(mutex_);
  if (effects.opened && !kept_) {
    kept_ = Kept{effects.opened->floor, {}, effects.opened->forgotten};
    for (const auto& range : effects.opened->known) {
      kept_->ranges.push_back({range.first, range.length});
    }
  }
  if (is_refused && !refusal_) refusal_ = Fault{session.refusal(), session.refusal_text()};
  open_ = machine_.is_open();
  changed_.notify_all();
}

// Out of memory, most likely: nothing can be promised any more, so nothing is.
void Producer::Shell::die(const std::string& why) {
  {
    const std::lock_guard lock(turn_mutex_);
    left_ = true;
  }
  link_.log(LogLevel::error, "the producer's I/O thread ended: " + why);
  outbox_.refuse(Code::gone, why);
  outbox_.abandon();
  const std::lock_guard lock(mutex_);
  refusal_ = Fault{Code::gone, why};
  changed_.notify_all();
}

bool Producer::Shell::wait_open(std::chrono::milliseconds timeout) {
  const Instant deadline = peer::deadline_after(peer::read_clock(), timeout);
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, peer::steady(deadline), [&] { return open_ || refusal_ || leaving_; });
  if (refusal_) throw Refused(refusal_->code, refusal_->text);
  return open_;
}

Kept Producer::Shell::kept(std::chrono::milliseconds timeout) {
  const Instant deadline = peer::deadline_after(peer::read_clock(), timeout);
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, peer::steady(deadline), [&] { return kept_ || refusal_ || leaving_; });
  if (refusal_) throw Refused(refusal_->code, refusal_->text);
  if (!kept_) throw Unconfirmed("no hub at " + options_.endpoint + " has opened the queue in time");
  return *kept_;
}

SendResult Producer::Shell::flush(std::chrono::milliseconds deadline) {
  outbox_.wait_answered(peer::deadline_after(peer::read_clock(), deadline));
  return outbox_.progress();
}

SendResult Producer::Shell::close(std::chrono::milliseconds deadline) {
  const Instant end = peer::deadline_after(peer::read_clock(), deadline);
  outbox_.close();
  if (!closing_.begin(end)) return closing_.is_finished() ? *closed_ : outbox_.progress();
  outbox_.wait_answered(end);
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
    changed_.notify_all();
  }
  link_.wake();
  thread_.join();
  const std::uint64_t dropped = link_.gate().shut(end);
  SendResult result = outbox_.progress();
  result.callbacks_dropped = dropped;
  closed_ = result;
  closing_.finish();
  return result;
}

Producer::Producer(ProducerOptions options) : shell_(std::make_unique<Shell>(std::move(options))) {}

Producer::~Producer() {
  if (shell_->is_closed()) return;  // its result was told
  const SendResult result = close(shell_->options().destructor_deadline);
  if (result.complete()) return;
  shell_->log(LogLevel::warning, "a producer of " + shell_->options().queue + " ended with " +
                                     std::to_string(result.unconfirmed) + " unconfirmed and " +
                                     std::to_string(result.refused) + " refused messages. " +
                                     result.first_refusal);
}

Receipt Producer::send(std::span<const std::byte> body) {
  return shell_->send({}, body, 0);
}
Receipt Producer::send(std::string_view body) {
  return shell_->send({}, bytes_of(body), 0);
}
Receipt Producer::send(const Message& message) {
  return shell_->send(meta_of(message), bytes_of(message.body), 0);
}

namespace {
// The wire's sequences end at 2^63, and so must the last of a batch.
void require_sequence(const ProducerOptions& options, std::uint64_t sequence) {
  if (options.name.empty()) {
    throw std::invalid_argument(
        "send_at() is for a producer with a name: set ProducerOptions::name");
  }
  if (sequence == 0 || sequence > std::uint64_t{1} << 62) {
    throw std::invalid_argument("send_at: sequences are from 1 to 2^62");
  }
}
}  // namespace

Receipt Producer::send_at(std::uint64_t sequence, const Message& message) {
  require_sequence(shell_->options(), sequence);
  return shell_->send(meta_of(message), bytes_of(message.body), sequence);
}
Receipt Producer::send_at(std::uint64_t sequence, std::string_view body) {
  require_sequence(shell_->options(), sequence);
  return shell_->send({}, bytes_of(body), sequence);
}

bool Producer::wait_open(std::chrono::milliseconds timeout) {
  return shell_->wait_open(timeout);
}
Kept Producer::kept(std::chrono::milliseconds timeout) {
  return shell_->kept(timeout);
}
SendResult Producer::flush(std::chrono::milliseconds deadline) {
  return shell_->flush(deadline);
}
SendResult Producer::close(std::chrono::milliseconds deadline) {
  return shell_->close(deadline);
}
SendResult Producer::progress() const {
  return shell_->progress();
}
ConnectionState Producer::state() const {
  return shell_->state();
}

bool Kept::has(std::uint64_t sequence) const {
  if (sequence < floor) return true;
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return sequence >= range.first && sequence - range.first < range.length;
  });
}

std::uint64_t Kept::next() const {
  return ranges.empty() ? floor : std::max(floor, ranges.back().first + ranges.back().length);
}

}  // namespace pawl
