// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <pawl/testing.hpp>
#include <pawl/worker.hpp>

#include "core/protocol/names.hpp"
#include "patterns/hub/hub_shell.hpp"
#include "patterns/peer/clock.hpp"
#include "patterns/peer/link.hpp"
#include "patterns/testing/disk.hpp"
#include "patterns/testing/hub_watch.hpp"

namespace pawl::testing {
namespace {

using std::chrono::milliseconds;

// For what the hub does by itself, however slow the machine.
constexpr milliseconds own_patience = std::chrono::seconds(30);
constexpr Duration ahead_max = std::chrono::hours(24 * 366 * 100);
constexpr std::size_t dead_letters_max = 4096;  // a session's slots

HubWatch::Deadline deadline_in(milliseconds patience) {
  return peer::steady(peer::deadline_after(peer::read_clock(), patience));
}

// In the abstract namespace: no file, and peers are told of its death at once.
std::string own_endpoint() {
  return "ipc://@pawl-testing-" + std::to_string(getpid()) + "-" + peer::random_name();
}

QueueState state_of(const QueueNumbers& numbers, HubTime at) {
  QueueState state;
  state.ready = numbers.ready;
  state.leased = numbers.leased;
  state.delayed = numbers.delayed + numbers.dying;
  state.dead = numbers.dead;
  state.accepted = numbers.accepted;
  state.acked = numbers.acked;
  state.retried = numbers.retried;
  state.refused = numbers.refused;
  state.workers = numbers.workers;
  state.producers = numbers.producers;
  if (numbers.next_due) {
    const Duration in = std::max(*numbers.next_due - at, Duration{});
    state.next_due_in = std::chrono::ceil<milliseconds>(in);
  }
  return state;
}

void demand(bool met, const char* call, const char* sentence) {
  if (!met) throw std::logic_error(std::string("FaultyHub::") + call + ": " + sentence);
}

constexpr const char* is_down = "the hub is down: start() it first";
constexpr const char* is_stopped = "the hub is suspended: resume() it first";

}  // namespace

class FaultyHub::Impl {
 public:
  explicit Impl(FaultyHubOptions options) : options_(std::move(options)), disk_(options_.seed) {
    if (options_.endpoint.empty()) options_.endpoint = own_endpoint();
    start();
    options_.endpoint = shell_->endpoints().front();  // a port "*" is the one that was chosen
  }
  ~Impl() {
    if (shell_) end_now();
  }

  void advance(milliseconds by);
  bool advance_if_up(milliseconds by);
  void kill();
  void power_cut();
  void stop();
  void start_again();
  bool is_up() const;
  void demand_running(const char* call) const;
  void suspend();
  void resume();
  void fail_next_commit();
  void fill_disk(bool full);

  const HubWatch& watch() const { return watch_; }
  const FaultyHubOptions& options() const { return options_; }

 private:
  void start();
  void end_now();
  void take_in();
  void jump(Duration by);
  void expect(bool came, const char* what) const;

  FaultyHubOptions options_;
  Disk disk_;
  HubWatch watch_;
  mutable std::mutex control_;  // one change at a time: everything below
  std::uint64_t machine_boots_ = 1;
  std::unique_ptr<Hub::Shell> shell_;  // nothing while it is down
};

void FaultyHub::Impl::start() {
  HubOptions options;
  options.endpoints = {options_.endpoint};
  options.timing = options_.timing;
  options.defaults = options_.defaults;
  options.queues = options_.queues;
  options.strict = options_.strict;
  options.seed = options_.seed;
  options.log = options_.log;
  options.context = options_.context;
  HubGround ground;
  ground.store = disk_.mount();
  ground.machine_boot = "boot-" + std::to_string(machine_boots_);
  ground.ahead = [this] { return watch_.ahead(); };
  ground.on_turn = [this](const HubMachine& machine, Now now) { watch_.on_turn(machine, now); };
  shell_ = std::make_unique<Hub::Shell>(std::move(options), std::move(ground));
  expect(watch_.await_turn(deadline_in(own_patience)), "it does not begin");
}

void FaultyHub::Impl::expect(bool came, const char* what) const {
  if (came) return;
  throw std::runtime_error(std::string("FaultyHub: ") + what + " " + shell_->error());
}

// Marked as dead first: a hub that was suspended says nothing more.
void FaultyHub::Impl::end_now() {
  shell_->kill();
  watch_.resume();
  shell_.reset();
  watch_.forget();
  disk_.with([](FaultyStore& store) { store.kill(); });
}

void FaultyHub::Impl::kill() {
  const std::lock_guard lock(control_);
  demand(shell_ != nullptr, "kill", "the hub is down already");
  end_now();
}

void FaultyHub::Impl::power_cut() {
  const std::lock_guard lock(control_);
  if (shell_) end_now();
  disk_.with([](FaultyStore& store) { store.crash(FaultyStore::Survivors::none); });
  ++machine_boots_;
}

void FaultyHub::Impl::stop() {
  const std::lock_guard lock(control_);
  demand(shell_ != nullptr, "stop", "the hub is down already");
  demand(!watch_.is_suspended(), "stop", is_stopped);
  expect(shell_->stop(own_patience), "it does not end");
  shell_.reset();
  watch_.forget();
  disk_.with([](FaultyStore& store) { store.close_cleanly(); });
}

void FaultyHub::Impl::start_again() {
  const std::lock_guard lock(control_);
  demand(shell_ == nullptr, "start", "the hub is up: kill(), power_cut() or stop() it first");
  start();
}

bool FaultyHub::Impl::is_up() const {
  const std::lock_guard lock(control_);
  return shell_ != nullptr;
}

void FaultyHub::Impl::demand_running(const char* call) const {
  const std::lock_guard lock(control_);
  demand(shell_ != nullptr, call, is_down);
  demand(!watch_.is_suspended(), call, is_stopped);
}

void FaultyHub::Impl::suspend() {
  const std::lock_guard lock(control_);
  demand(shell_ != nullptr, "suspend", is_down);
  demand(!watch_.is_suspended(), "suspend", "the hub is suspended already");
  watch_.suspend();
  shell_->wake();
  expect(watch_.await_suspended(deadline_in(own_patience)), "it does not stop");
}

void FaultyHub::Impl::resume() {
  const std::lock_guard lock(control_);
  demand(watch_.is_suspended(), "resume", "the hub is not suspended");
  watch_.resume();
  take_in();  // what was changed meanwhile
}

void FaultyHub::Impl::fail_next_commit() {
  const std::lock_guard lock(control_);
  demand(shell_ != nullptr, "fail_next_commit", is_down);
  disk_.with([](FaultyStore& store) { store.fail_next_commit(); });
}

void FaultyHub::Impl::fill_disk(bool full) {
  const std::lock_guard lock(control_);
  disk_.with([full](FaultyStore& store) {
    store.set_free_bytes(full ? 0 : std::numeric_limits<std::uint64_t>::max());
  });
  if (shell_ && !watch_.is_suspended()) take_in();
}

// The hub looks at its disk once a turn.
void FaultyHub::Impl::take_in() {
  watch_.changed();
  shell_->wake();
  expect(watch_.await_taken_in(deadline_in(own_patience)), "it makes no turn");
}

void FaultyHub::Impl::jump(Duration by) {
  watch_.add_ahead(by);
  shell_->wake();
  expect(watch_.await_due(deadline_in(own_patience)), "it does not take the time in");
}

void FaultyHub::Impl::advance(milliseconds by) {
  const std::lock_guard lock(control_);
  demand(by >= milliseconds(0), "advance", "time does not run backwards");
  // Compared in milliseconds: milliseconds::max() in µs would overflow.
  demand(by <= std::chrono::floor<milliseconds>(ahead_max - watch_.total_ahead()), "advance",
         "a century is the most, all jumps together");
  demand(shell_ != nullptr, "advance", is_down);
  demand(!watch_.is_suspended(), "advance", is_stopped);
  jump(by);
}

bool FaultyHub::Impl::advance_if_up(milliseconds by) {
  const std::lock_guard lock(control_);
  if (!shell_) return false;
  demand(!watch_.is_suspended(), "settle", is_stopped);
  jump(by);
  return true;
}

FaultyHub::FaultyHub(FaultyHubOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
FaultyHub::~FaultyHub() = default;

const std::string& FaultyHub::endpoint() const {
  return impl_->options().endpoint;
}
void FaultyHub::advance(milliseconds by) {
  impl_->advance(by);
}
void FaultyHub::kill() {
  impl_->kill();
}
void FaultyHub::power_cut() {
  impl_->power_cut();
}
void FaultyHub::stop() {
  impl_->stop();
}
void FaultyHub::start() {
  impl_->start_again();
}
bool FaultyHub::is_up() const {
  return impl_->is_up();
}
void FaultyHub::suspend() {
  impl_->suspend();
}
void FaultyHub::resume() {
  impl_->resume();
}
void FaultyHub::fail_next_commit() {
  impl_->fail_next_commit();
}
void FaultyHub::fill_disk(bool full) {
  impl_->fill_disk(full);
}

bool FaultyHub::settle(const std::string& queue, milliseconds patience) {
  const HubWatch::Deadline deadline = deadline_in(patience);
  for (;;) {
    std::optional<milliseconds> next;
    const auto has_nothing_to_do = [&](const QueueNumbers& numbers, HubTime at) {
      next = state_of(numbers, at).next_due_in;
      return numbers.ready + numbers.leased + numbers.dying == 0;
    };
    if (!impl_->watch().wait(queue, has_nothing_to_do, deadline)) return false;
    if (!next) return true;
    impl_->advance_if_up(*next);
    if (std::chrono::steady_clock::now() >= deadline) return false;
  }
}

QueueState FaultyHub::queue(const std::string& name) const {
  const auto seen = impl_->watch().look(name);
  demand(seen.has_value(), "queue", is_down);
  return state_of(seen->first, seen->second);
}

bool FaultyHub::wait(const std::string& queue,
                     const std::function<bool(const QueueState&)>& reached,
                     milliseconds patience) const {
  const auto asked = [&](const QueueNumbers& numbers, HubTime at) {
    return reached(state_of(numbers, at));
  };
  return impl_->watch().wait(queue, asked, deadline_in(patience));
}

// A worker of its own takes them, and gives them all back.
std::vector<DeadLetter> FaultyHub::dead_letters(const std::string& queue) {
  const FaultyHubOptions& options = impl_->options();
  const auto named = options.queues.find(queue);
  const QueuePolicy& policy = named == options.queues.end() ? options.defaults : named->second;
  const std::string from =
      policy.dead_letter.empty() ? protocol::default_dead_letter(queue) : policy.dead_letter;
  impl_->demand_running("dead_letters");
  const std::size_t count = std::min<std::size_t>(this->queue(from).ready, dead_letters_max);
  std::vector<DeadLetter> letters;
  if (count == 0) return letters;
  Worker reader{{.endpoint = options.endpoint,
                 .queue = from,
                 .slots = dead_letters_max,
                 .peer = "pawl::testing",
                 .log = [](LogLevel, std::string_view) {},
                 .context = options.context}};
  std::vector<Delivery> held;
  while (held.size() < count) {
    std::optional<Delivery> next = reader.receive(std::chrono::seconds(10));
    if (!next) break;
    letters.push_back(
        {std::string(next->text()), next->headers(), next->origin(), next->history()});
    held.push_back(std::move(*next));
  }
  reader.stop();  // first, or it would be given them again
  for (Delivery& delivery : held) delivery.give_back();
  reader.close(own_patience);
  if (letters.size() == count) return letters;
  throw std::runtime_error("FaultyHub::dead_letters: " + std::to_string(letters.size()) + " of " +
                           std::to_string(count) + " came within 10 s; are others taking them?");
}

}  // namespace pawl::testing
