// SPDX-License-Identifier: Apache-2.0
// A hub over arbitrary rows. Either any rows at all, or those of a hub that had work of every kind
// (fresh, leased, delayed and dead messages, sessions, producers) with some of them changed,
// swapped or lost. recover() answers with a Fault and a sentence, or with a machine whose
// invariants hold. What such a machine reads later is refused by the turn, or it serves peers, or,
// where rows point into a chunk at a wrong place, it ends in order rather than read past its end
// (core/chunk/chunk.hpp). No value, whatever it counts, makes it allocate past a bound.
#include <cstdio>
#include <cstdlib>

#include "core/check.hpp"
#include "core/chunk/chunk.hpp"
#include "core/store/memory_store.hpp"
#include "tests/fuzz/support/expect.hpp"
#include "tests/fuzz/support/hub_under_fuzz.hpp"
#include "tests/fuzz/support/memory_bound.hpp"

using namespace pawl;
using namespace pawl::fuzzing;
using namespace std::chrono_literals;

namespace {

struct EndedInOrder {};
bool may_end = false;  // while peers are served

}  // namespace

// Stands in for the library's, which ends the process.
void pawl::check_failed(const char* condition, const char* file, int line) {
  const bool is_of_a_chunk = std::string_view(file).ends_with("chunk.cpp") ||
                             std::string_view(file).ends_with("dispatch.cpp");
  if (may_end && is_of_a_chunk) throw EndedInOrder{};
  std::fprintf(stderr, "pawl: invariant violated: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

namespace {

constexpr std::size_t hub_bytes_max = 1024 * 1024;  // the seeds and what was found take 0.07 MB
constexpr std::size_t bytes_each_max = 4096;  // a byte changed lets a chunk be copied once more
constexpr std::size_t changes_max = 64;

const Now begin{Instant(1s), HubTime{1'700'000'000'000'000}};

struct StoredRow {
  Space space = Space::state;
  std::string key, value;
};
using Rows = std::vector<StoredRow>;

HubConfig config() {
  HubConfig hub;
  hub.defaults.max_attempts = 2;
  return hub;
}

Rows rows_of(MemoryStore& store) {
  Rows rows;
  for (const Space space : {Space::state, Space::chunks}) {
    const auto page = store.read_now({space, "", std::string(64, '\xFF'), SIZE_MAX, 0});
    for (const Row& row : page->rows) {
      const Bytes value = row.value.bytes();
      rows.push_back({space, row.key, {reinterpret_cast<const char*>(value.data()), value.size()}});
    }
  }
  return rows;
}

Slice chunk_of(std::size_t count) {
  ChunkBuilder builder;
  for (std::size_t i = 0; i < count; ++i) builder.append({}, bytes_of("message"));
  return builder.take();
}

void open(HubUnderFuzz& hub, const std::string& connection, protocol::Role role,
          std::string_view queue) {
  protocol::Hello hello;
  hello.versions = {1};
  hello.peer = connection;
  hub.say(connection, hello);
  protocol::Open open;
  open.handle = 1;
  open.name = queue;
  open.role = role;
  open.source = "alice";
  hub.say(connection, open);
}

void settle(HubUnderFuzz& hub, std::uint64_t number, protocol::Verb verb, std::uint64_t offset) {
  protocol::Settle settle;
  settle.handle = 1;
  settle.number = number;
  settle.rows.push_back({verb, hub.heard().delivers.front().lease, 0, offset, 1, {}, "why"});
  hub.say("worker", settle);
}

// What a hub with work of every kind leaves behind when it is killed.
Rows make_good_rows() {
  MemoryStore store{{.is_read_again = true}};
  HubUnderFuzz hub(config(), store, begin, 1);
  EXPECT(hub.start("boot").code == Code::ok);
  open(hub, "producer", protocol::Role::producer, "orders");
  open(hub, "worker", protocol::Role::worker, "orders");
  hub.say("worker", protocol::Credit{1, 30, 1 << 20});
  EXPECT(hub.turn());
  for (std::uint64_t seq = 1; seq <= 41; seq += 20) {
    hub.say("producer", protocol::Send{{{1, 1, 1, seq, 20, 0, 0, 0}}, false}, {chunk_of(20)});
    EXPECT(hub.turn());
  }
  settle(hub, 1, protocol::Verb::ack, 0);
  settle(hub, 2, protocol::Verb::nack, 1);
  settle(hub, 3, protocol::Verb::reject, 2);
  settle(hub, 4, protocol::Verb::give_back, 3);
  EXPECT(hub.turn());
  Rows rows = rows_of(store);
  EXPECT(rows.size() >= 10);
  return rows;
}

// Keys of every kind, with numbers that are near those of the good rows.
std::string any_key(Input& in) {
  const auto log = static_cast<records::LogId>(in.number(0, UINT32_MAX));
  const std::uint64_t offset = in.number();
  switch (in.pick(10)) {
    case 0: return records::hub_key();
    case 1: return records::queue_key(in.text(in.pick(12)));
    case 2: return records::counters_key(log);
    case 3: return records::index_key(log, offset);
    case 4: return records::active_key(log, offset);
    case 5: return records::failure_key(log, offset);
    case 6: return records::producer_key(log, in.text(in.pick(8)));
    case 7: return records::session_key(offset);
    case 8: return records::chunk_key(offset);
    default: return std::string(in.text(in.pick(20)));
  }
}

void change(Rows& rows, Input& in) {
  const std::size_t action = in.pick(8);
  if (rows.empty() || action == 0) {
    const Space space = in.flag() ? Space::state : Space::chunks;
    std::string key = any_key(in);
    rows.push_back({space, std::move(key), std::string(in.text(in.byte()))});
    return;
  }
  StoredRow& row = rows[in.pick(rows.size())];
  const std::size_t at = row.value.empty() ? 0 : in.pick(row.value.size());
  switch (action) {
    case 1: rows.erase(rows.begin() + (&row - rows.data())); return;
    case 2: row.value.resize(at); return;
    case 3: row.value = rows[in.pick(rows.size())].value; return;
    case 4: row.value.insert(at, in.text(in.pick(16))); return;
    case 5: row.key = rows[in.pick(rows.size())].key; return;
    case 6: row.key = any_key(in); return;
    default:
      if (!row.value.empty()) row.value[at] = static_cast<char>(in.byte());
  }
}

void fill(MemoryStore& store, const Rows& rows) {
  Commit commit;
  for (const StoredRow& row : rows) commit.puts.push_back({row.space, row.key, row.value});
  store.submit(std::move(commit));
  std::vector<StoreEvent> events;
  store.drain(events);
}

// Everything that reads rows: peers of every queue, time-outs, dead letters, the producers' sweep.
void serve(HubUnderFuzz& hub) {
  constexpr std::string_view queues[] = {"orders", "orders.dead"};
  for (const std::string_view queue : queues) {
    const std::string producer = "p" + std::string(queue), worker = "w" + std::string(queue);
    open(hub, producer, protocol::Role::producer, queue);
    open(hub, worker, protocol::Role::worker, queue);
    if (!hub.turn()) return;
    hub.say(worker, protocol::Credit{1, 1000, 1 << 20});
    hub.say(producer, protocol::Send{{{1, 1, 1, 100, 2, 0, 0, 0}}, false}, {chunk_of(2)});
    if (!hub.turn()) return;
  }
  hub.say("wanderer", protocol::Query{1, "stat", ""});
  for (const Duration span : {1s, 20s, 400s, 7200s}) {
    hub.advance(span);
    if (!hub.turn()) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Rows good = make_good_rows();
  Input in(data, size);
  const MemoryBound bound("recovery", hub_bytes_max + size * bytes_each_max);
  const std::uint8_t mode = in.byte();
  Rows rows = (mode & 1) != 0 ? Rows{} : good;
  for (std::size_t i = 0; i < changes_max && !in.at_end(); ++i) change(rows, in);
  MemoryStore store{{.is_read_again = true}};
  fill(store, rows);
  HubUnderFuzz hub(config(), store, begin, 2);
  const Fault fault = hub.start((mode & 2) != 0 ? "another boot" : "boot");
  if (fault.code != Code::ok) {
    EXPECT(!fault.text.empty());
    return 0;
  }
  hub.trusts_rows(false);
  may_end = true;
  try {
    if (hub.turn()) serve(hub);
  } catch (const EndedInOrder&) {
  }
  may_end = false;
  return 0;
}
