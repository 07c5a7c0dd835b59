// SPDX-License-Identifier: Apache-2.0
#include "tests/support/hub_tester.hpp"
#include "tests/support/stat_numbers.hpp"

#include <map>
#include <stdexcept>

namespace pawl::testing {
namespace {

// Steps of virtual time: a beat's quarter, as the hub's own maintenance.
constexpr auto step = 250ms;
constexpr int turns_max = 10'000;
const std::string past_all_keys(64, '\xFF');

std::string machine_boot_of(std::uint64_t number) {
  return "boot-" + std::to_string(number);
}

}  // namespace

std::unique_ptr<MemoryStore> copy_of(const MemoryRows& rows) {
  auto store = std::make_unique<MemoryStore>(MemoryStoreOptions{.is_read_again = true});
  Commit commit;
  for (const Space space : {Space::chunks, Space::state}) {
    for (const Row& row : rows.page({space, "", past_all_keys, SIZE_MAX, 0}).rows) {
      commit.puts.push_back({space, row.key, row.value});
    }
  }
  store->submit(std::move(commit));
  std::vector<StoreEvent> events;
  store->drain(events);
  return store;
}

std::string difference_after_reload(const HubConfig& config, const MemoryRows& rows, Now now,
                                    const std::string& digest,
                                    const std::vector<Put>& producer_rows) {
  const auto store = copy_of(rows);
  SeededEntropy entropy(7);
  const auto hub_row = store->read_now({Space::state, records::hub_key(), "g", 1, 0});
  const auto row = records::decode_hub(hub_row->rows.at(0).value.bytes());
  // By its own boot id: what another one changes is not the rows' affair.
  auto reloaded = HubMachine::recover(config, *store, entropy, row->machine_boot, now);
  if (!reloaded) return "the rows cannot be loaded: " + reloaded.fault().text;
  (*reloaded)->check_invariants();
  const std::string other = (*reloaded)->digest();
  if (other != digest) return "--- live\n" + digest + "--- reloaded\n" + other;
  for (const Put& put : producer_rows) {
    const Page page = rows.page({Space::state, put.key, put.key + '\0', 1, 0});
    if (page.rows.empty()) return "a producer's row is not in the store";
    const Bytes value = page.rows.front().value.bytes();
    const std::string text(reinterpret_cast<const char*>(value.data()), value.size());
    if (text != std::get<std::string>(put.value)) return "a producer's row in the store is older";
  }
  return {};
}

HubTester::Options HubTester::with_defaults(QueuePolicy defaults) {
  Options options;
  options.hub.defaults = std::move(defaults);
  return options;
}

HubTester::HubTester(Options options)
    : options_(std::move(options)),
      store_(options_.store),
      entropy_(options_.store.seed),
      now_{Instant(Duration(1'000'000)), HubTime{1'700'000'000'000'000}} {
  start();
}

TestProducer& HubTester::producer(std::string queue, TestProducer::Options options) {
  auto made = std::make_unique<TestProducer>(*this, std::move(queue), std::move(options));
  TestProducer& peer = *made;
  peers_.push_back(std::move(made));
  peer.connect();
  turn();
  return peer;
}

TestWorker& HubTester::worker(std::string queue, TestWorker::Options options) {
  auto made = std::make_unique<TestWorker>(*this, std::move(queue), std::move(options));
  TestWorker& peer = *made;
  peers_.push_back(std::move(made));
  peer.connect();
  turn();
  return peer;
}

void HubTester::turn() {
  for (int i = 0; i < turns_max; ++i) {
    if (one_turn()) continue;
    const bool would_spin = machine_ && !turn_->commit_under_way() &&
                            machine_->time_to_next_deadline(now_) == Duration{};
    if (would_spin) throw std::runtime_error("at rest, the hub still asks for a turn at once");
    return;
  }
  throw std::runtime_error("the hub does not come to rest");
}

bool HubTester::one_turn(bool socket_was_empty) {
  if (!machine_) return false;
  bool moved = false;
  while (!inbox_.empty() && turn_->may_take_more()) {
    RoutedMessage message = std::move(inbox_.front());
    inbox_.pop_front();
    machine_->on_message(std::move(message), now_);
    if (checks_) machine_->check_invariants();
    moved = true;
  }
  pass_time(std::exchange(drain_takes_, {}));
  std::vector<RoutedMessage> out;
  moved = take_store_events(out) || moved;
  if (!machine_) return false;
  machine_->set_free_bytes(store_.free_bytes());
  machine_->tick(now_, socket_was_empty && inbox_.empty());
  seal_and_watch(out);
  moved = moved || !out.empty() || turn_->has_more_now() || store_.reads_held() > 0;
  if (turn_->commit_under_way() && store_.commits_held() == 0) moved = true;
  std::vector<RoutedMessage> unsent;
  for (RoutedMessage& message : out) {
    const auto peer = connections_.find(message.routing_id);
    if (peer == connections_.end()) {
      unsent.push_back(std::move(message));
    } else {
      peer->second->receive(message.message);
    }
  }
  if (!machine_) return true;
  machine_->on_unsent(unsent);
  if (checks_) machine_->check_invariants();
  machine_->time_to_next_deadline(now_);  // asked each turn, as by the shell
  return store_.reads_held() > 0 ? false : moved;
}

bool HubTester::take_store_events(std::vector<RoutedMessage>& out) {
  const bool was_under_way = turn_->commit_under_way();
  if (const auto failure = turn_->take_store_events(out)) {
    // As the shell: the machine is dropped, the store reopened, and all begins anew.
    last_failure_ = failure->text;
    machine_->take_gated();
    machine_->announce_end("the store failed", 100);
    out = machine_->take_gated();
    turn_.reset();
    machine_.reset();
    if (store_.reopen().code == Code::ok) start();
    return true;
  }
  const bool finished = was_under_way && !turn_->commit_under_way();
  if (finished && options_.reload_after_commit) check_reload();
  return finished;
}

void HubTester::seal_and_watch(std::vector<RoutedMessage>& out) {
  if (!machine_) return;
  const bool was_under_way = turn_->commit_under_way();
  turn_->finish(now_, out);
  if (was_under_way || !turn_->commit_under_way()) return;
  ++commits_;
  if (!options_.reload_after_commit) return;
  sealed_digest_ = machine_->digest();
  sealed_producers_ = machine_->settled_producer_rows();
}

void HubTester::check_reload() {
  const std::string difference = difference_after_reload(options_.hub, store_.written(), now_,
                                                         sealed_digest_, sealed_producers_);
  if (!difference.empty()) throw std::runtime_error(difference);
}

void HubTester::pass_time(Duration by) {
  now_.mono += by;
  now_.hub = now_.hub + by;
}

void HubTester::advance(Duration by) {
  while (by > Duration{}) {
    const Duration one = std::min<Duration>(by, step);
    by -= one;
    pass_time(one);
    for (const auto& peer : peers_) {
      if (peer->alive && peer->beats && peer->is_connected()) peer->beat();
    }
    turn();
  }
}

void HubTester::stall(Duration by) {
  pass_time(by);
  turn();
}

void HubTester::drop_machine() {
  turn_.reset();
  machine_.reset();
  inbox_.clear();
  connections_.clear();
}

void HubTester::kill() {
  drop_machine();
  store_.kill();
}

void HubTester::power_cut(FaultyStore::Survivors survivors) {
  drop_machine();
  store_.crash(survivors);
  ++machine_boots_;
}

void HubTester::stop() {
  turn();
  machine_->announce_end("the hub is stopping", 1000);
  turn();
  store_.submit(machine_->clean_end(now_));
  drop_machine();
  store_.close_cleanly();
}

void HubTester::start() {
  auto recovered =
      HubMachine::recover(options_.hub, store_, entropy_, machine_boot_of(machine_boots_), now_);
  if (!recovered) throw std::runtime_error(recovered.fault().text);
  machine_ = std::move(*recovered);
  turn_ = std::make_unique<Turn>(*machine_, store_);
  machine_->check_invariants();
}

std::string HubTester::new_connection(TestPeer& peer) {
  if (!peer.connection().empty()) connections_.erase(peer.connection());
  const std::string connection = "connection-" + std::to_string(next_connection_++);
  connections_[connection] = &peer;
  return connection;
}

std::string HubTester::fresh_name(const TestPeer* peer) {
  return names_.emplace(peer, "anonymous-" + std::to_string(names_.size())).first->second;
}

void HubTester::cut(const std::string& connection) {
  connections_.erase(connection);
  std::erase_if(inbox_, [&](const RoutedMessage& one) { return one.routing_id == connection; });
}

namespace {

// Asks once and keeps the numbers of the queue it was asked for.
class TestAsker final : public TestPeer {
 public:
  TestAsker(HubTester& hub, std::string_view queue) : TestPeer(hub, "asker", 0), queue_(queue) {}
  std::map<std::string, std::uint64_t, std::less<>> numbers;

 private:
  void on_welcome() override { say(protocol::Query{1, "stat", ""}); }
  void on_message(const protocol::Message&, const std::vector<Slice>& frames) override {
    numbers = stat_numbers(frames.at(0).bytes(), queue_);
  }
  std::string queue_;
};

}  // namespace

std::uint64_t HubTester::stat(std::string_view queue, std::string_view number) {
  TestAsker asker(*this, queue);
  asker.connect();
  turn();
  asker.bye();
  turn();
  cut(asker.connection());
  const auto found = asker.numbers.find(number);
  if (found == asker.numbers.end()) {
    throw std::runtime_error("no number " + std::string(number) + " of queue " +
                             std::string(queue));
  }
  return found->second;
}

}  // namespace pawl::testing
