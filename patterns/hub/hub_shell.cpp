// SPDX-License-Identifier: Apache-2.0
#include "patterns/hub/hub_shell.hpp"

#include <malloc.h>
#include <poll.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "core/descriptor_limit.hpp"
#include "core/store/memory_store.hpp"
#include "core/store/rocks_store.hpp"
#include "core/system_clock.hpp"
#include "core/transport/context.hpp"
#include "core/transport/wake_up.hpp"
#include "patterns/hub/hub_options.hpp"

namespace pawl {
namespace {

constexpr auto bind_again_every = std::chrono::seconds(5);

std::string machine_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;  // empty where there is none: a restart of the machine then looks like one of the
              // process
}

// As asked for, or as bound: "0", "0x0" and the like are all the same address.
bool is_wildcard(const std::string& endpoint) {
  for (const char* any :
       {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:", "tcp://[*]:", "tcp://[::ffff:0.0.0.0]:"}) {
    if (endpoint.starts_with(any)) return true;
  }
  return false;
}

void refuse_wildcard(const std::string& endpoint) {
  if (!is_wildcard(endpoint)) return;
  throw HubError("endpoint " + endpoint +
                 " would take in anybody who can reach this machine: "
                 "bind to an address of one network, or allow it with .open = true (--open)");
}

HubConfig machine_config(const HubOptions& options, Entropy& entropy) {
  HubConfig config;
  config.timing = options.timing;
  config.defaults = options.defaults;
  config.queues = options.queues;
  config.strict = options.strict;
  config.seed = options.seed;
  if (config.seed == 0) {
    for (const std::byte byte : entropy.bytes16()) {
      config.seed = config.seed << 8 ^ static_cast<std::uint64_t>(byte) ^ config.seed >> 56;
    }
  }
  return config;
}

}  // namespace

Hub::Shell::Shell(HubOptions options, HubGround ground)
    : options_(std::move(options)),
      ground_(std::move(ground)),
      clock_({}, wall_now(), monotonic_now()),
      memory_watch_(options_.resident_bytes_max) {
  if (ground_.machine_boot.empty()) ground_.machine_boot = machine_boot_id();
  check_hub_options(options_);
  for (const std::string& endpoint : options_.endpoints) {
    if (!options_.open) refuse_wildcard(endpoint);
  }
  // A connection is a descriptor; the default of 1,024 would be the first bound that a hub meets.
  if (!raise_descriptor_limit()) {
    log(LogLevel::warning,
        "the limit on descriptors could not be raised: it bounds how many peers can connect");
  }
  open_store();
  if (const Fault fault = start_machine(); fault.code != Code::ok) throw HubError(fault.text);
  bound_ = bind(options_.endpoints);
  thread_ = std::thread([this] { run(); });
}

Hub::Shell::~Shell() {
  stop(std::chrono::milliseconds(1500));
  if (thread_.joinable()) thread_.join();
}

void Hub::Shell::open_store() {
  if (ground_.store) {
    store_ = std::move(ground_.store);
    return;
  }
  if (options_.data_directory.empty()) {
    store_ = std::make_unique<MemoryStore>(MemoryStoreOptions{options_.memory_bytes_max});
    return;
  }
  auto opened = open_rocks_store({options_.data_directory, 0});
  if (!opened) throw HubError(opened.fault().text);
  store_ = std::move(*opened);
}

Fault Hub::Shell::start_machine() {
  loop_.drop();
  auto recovered = HubMachine::recover(machine_config(options_, entropy_), *store_, entropy_,
                                       ground_.machine_boot, read_clocks());
  if (!recovered) return recovered.fault();
  clock_ = HubClock((*recovered)->time_floor(), wall_now() + ahead(), monotonic_now() + ahead());
  loop_.start(std::move(*recovered), *store_);
  return {};
}

std::vector<std::string> Hub::Shell::bind(const std::vector<std::string>& endpoints) {
  void* context = options_.context != nullptr ? options_.context : transport::process_context();
  auto created = transport::RouterSocket::create(context);
  if (!created) throw HubError(created.fault().text);
  socket_ = std::make_unique<transport::RouterSocket>(std::move(*created));
  std::vector<std::string> bound;
  for (const std::string& endpoint : endpoints) {
    const Fault fault = socket_->bind(endpoint);
    if (fault.code != Code::ok) throw HubError(fault.text);
    bound.push_back(socket_->last_endpoint());
    if (!options_.open) refuse_wildcard(bound.back());
  }
  return bound;
}

// Somebody sends a message without an end, and libzmq keeps all of it: only closing the socket lets
// go. Peers come back and resume.
void Hub::Shell::bind_again() {
  log(LogLevel::warning,
      "resident memory is over its budget and none of it is ours: the socket is closed and bound "
      "anew");
  socket_->close();
  loop_.machine().on_socket_lost();
  malloc_trim(0);
  // libzmq frees the address in its own thread, soon after close(); waiting on `wake_` lets stop()
  // in.
  constexpr int tries_max = 500;
  constexpr auto try_every = std::chrono::milliseconds(10);
  for (int tries = 1; !stopping_.load(); ++tries) {
    try {
      bind(bound_);
      return;
    } catch (const HubError&) {
      if (tries == tries_max) throw;
    }
    transport::sleep_on(nullptr, wake_.fd(), try_every);
  }
}

void Hub::Shell::log(LogLevel level, const std::string& sentence) const {
  if (options_.log) return options_.log(level, sentence);
  if (level >= LogLevel::warning) std::fprintf(stderr, "pawl: hub: %s\n", sentence.c_str());
}

// Nothing leaves this thread as an exception: what cannot be mended ends the hub with a sentence.
void Hub::Shell::run() {
  try {
    while (!stopping_.load() && error().empty()) turn();
    if (error().empty() && !killed_.load()) finish_up();
  } catch (const std::exception& failure) {
    end(std::string("the hub ended: ") + failure.what());
  }
  socket_->finish();  // GOAWAY is to reach the peers
  // Another hub may open the data directory from now on.
  loop_.drop();
  store_.reset();
  finished_.store(true);
  ended_.signal();
}

void Hub::Shell::turn() {
  loop_.drain(read_clocks(), [this](RoutedMessage& into) { return socket_->receive(into); });
  const Now now = read_clocks();
  if (const auto failure = loop_.turn(now, out_)) return start_again(*failure);
  if (ground_.on_turn) ground_.on_turn(loop_.machine(), now);
  if (killed_.load()) return;
  send_all();
  for (const auto& [level, text] : loop_.machine().take_notes()) log(level, text);
  const std::uint64_t in_memory =
      loop_.machine().failing_bytes() +
      (options_.data_directory.empty() ? options_.memory_bytes_max - store_->free_bytes() : 0);
  if (memory_watch_.is_over(now.mono, in_memory) && now.mono >= next_bind_) {
    next_bind_ = now.mono + bind_again_every;
    bind_again();
  }
  sleep_until_needed(now);
}

void Hub::Shell::send_all() {
  std::vector<RoutedMessage> unsent;
  for (RoutedMessage& message : out_) {
    // would_block: the peer does not read what it gave credit for, which is as good as gone.
    if (socket_->send(message) != transport::Sent::sent) unsent.push_back(std::move(message));
  }
  out_.clear();
  loop_.sent(unsent);
}

void Hub::Shell::sleep_until_needed(Now now) {
  const auto most = loop_.time_to_sleep(now);
  if (!most) return;
  Duration sleep = std::min(*most, loop_.tidy_up(now));
  if (const Instant look = memory_watch_.wake_by(); look != never) {
    sleep = std::min(sleep, std::max(look - now.mono, Duration{}));
  }
  if (sleep == Duration::max()) sleep = Duration(-1);
  std::array<transport::SleepSource, 3> sources;
  auto& [woken, store, socket] = sources;
  woken.fd = wake_.fd();
  store.fd = store_->ready_fd();
  socket.socket = loop_.reads() ? socket_->handle() : nullptr;
  transport::sleep_on(sources, sleep);
  if (woken.ready) wake_.clear();
}

// What the store holds is read anew, in this process.
void Hub::Shell::start_again(const Turn::Failure& failure) {
  loop_.give_up(failure, out_);
  if (failure.must_end) {
    return end("the store could not be synced or read (" + failure.text +
               "): restart the hub; it recovers by itself what can be recovered. If it ends like "
               "this again, its disk is damaged: bring the data directory back from a copy");
  }
  log(LogLevel::error, "the store failed (" + failure.text + "): it is reopened");
  send_all();
  for (;;) {
    Fault fault = store_->reopen();
    if (fault.code == Code::ok) fault = start_machine();
    if (fault.code == Code::ok || stopping_.load()) return;
    if (fault.code == Code::unsupported) return end(fault.text);  // damaged: it stays so
    // Full disk, most likely: tried again until there is room, or stop() is called.
    transport::sleep_on(nullptr, wake_.fd(), HubLoop::reopen_every);
    wake_.clear();
  }
}

void Hub::Shell::finish_up() {
  if (!loop_.is_started()) return;
  const Now now = read_clocks();
  if (!loop_.say_goodbye(now, out_)) return;
  send_all();
  loop_.write_clean_end(now);
}

void Hub::Shell::end(std::string error) {
  const std::lock_guard lock(error_mutex_);
  error_ = std::move(error);
}

std::string Hub::Shell::error() const {
  const std::lock_guard lock(error_mutex_);
  return error_;
}

bool Hub::Shell::stop(std::chrono::milliseconds deadline) {
  stopping_.store(true);
  wake_.signal();
  if (!finished_.load()) {
    pollfd ended{ended_.fd(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(deadline.count()));
  }
  return finished_.load();
}

void Hub::Shell::kill() {
  killed_.store(true);
  stopping_.store(true);
  wake_.signal();
}

Now Hub::Shell::read_clocks() {
  const Instant mono = monotonic_now();
  const Duration by = ahead();
  return {mono, clock_.read(wall_now() + by, mono + by)};
}

Hub::Hub(HubOptions options) : shell_(std::make_unique<Shell>(std::move(options))) {}
Hub::~Hub() = default;
const std::vector<std::string>& Hub::endpoints() const {
  return shell_->endpoints();
}
bool Hub::stop(std::chrono::milliseconds deadline) {
  return shell_->stop(deadline);
}
int Hub::ended_fd() const {
  return shell_->ended_fd();
}
std::string Hub::error() const {
  return shell_->error();
}

}  // namespace pawl
