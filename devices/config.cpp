// SPDX-License-Identifier: Apache-2.0
#include "devices/config.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "core/limits.hpp"
#include "core/protocol/names.hpp"
#include "devices/duration.hpp"

namespace pawl::devices {
namespace {

using std::chrono::milliseconds;

std::string words(milliseconds span) {
  const auto count = span.count();
  if (count != 0 && count % 86'400'000 == 0) return std::to_string(count / 86'400'000) + "d";
  if (count != 0 && count % 60'000 == 0) return std::to_string(count / 60'000) + "m";
  if (count != 0 && count % 1000 == 0) return std::to_string(count / 1000) + "s";
  return std::to_string(count) + "ms";
}

// One table of the file while it is read: who asks for a key takes it; finish() refuses the rest.
class Table {
 public:
  Table(const std::string& file, std::string path, const toml::table& table)
      : file_(file), path_(std::move(path)), table_(table) {}

  [[noreturn]] void fail(const toml::node& at, std::string_view key, std::string_view wrong) const {
    std::ostringstream text;
    text << file_ << ":" << at.source().begin.line << ": " << path_of(key) << ": " << wrong;
    throw ConfigError(text.str());
  }

  const toml::node* take(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
  }

  void duration(std::string_view key, milliseconds least, milliseconds most, milliseconds& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    std::optional<milliseconds> value;
    if (const auto text = node->value_exact<std::string>()) {
      value = parse_duration(*text);
    } else if (node->value_exact<std::int64_t>() == 0) {
      value = milliseconds(0);  // the one number that needs no unit
    }
    if (!value) fail(*node, key, std::string("expected ").append(duration_form));
    if (*value < least || *value > most) {
      fail(*node, key, "allowed is " + words(least) + " to " + words(most));
    }
    into = *value;
  }

  template <class Integer>
  void integer(std::string_view key, std::uint64_t least, std::uint64_t most, Integer& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value) fail(*node, key, "expected a whole number");
    check_range(*node, key, *value < 0, static_cast<std::uint64_t>(*value), least, most);
    into = static_cast<Integer>(*value);
  }

  template <class Integer>
  void size(std::string_view key, std::uint64_t least, std::uint64_t most, Integer& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    std::optional<std::uint64_t> value;
    if (const auto number = node->value_exact<std::int64_t>(); number && *number >= 0) {
      value = static_cast<std::uint64_t>(*number);
    } else if (const auto text = node->value_exact<std::string>()) {
      value = parse_size(*text);
    }
    if (!value) fail(*node, key, std::string("expected ").append(size_form));
    check_range(*node, key, false, *value, least, most);
    into = static_cast<Integer>(*value);
  }

  void number(std::string_view key, double least, double most, double& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    if (!node->is_number()) fail(*node, key, "expected a number");
    const double value = node->is_integer() ? static_cast<double>(**node->as_integer())
                                            : **node->as_floating_point();
    if (!(value >= least && value <= most)) {
      std::ostringstream allowed;
      allowed << "allowed is " << least << " to " << most;
      fail(*node, key, allowed.str());
    }
    into = value;
  }

  void name(std::string_view key, std::string& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::string>();
    if (!value || !is_name(*value)) {
      fail(*node, key, "expected a queue's name: 1 to 128 of A-Z a-z 0-9 . _ -");
    }
    into = *value;
  }

  void overflow(std::string_view key, Overflow& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const std::string value = node->value_exact<std::string>().value_or("");
    if (value == "hold_back") {
      into = Overflow::hold_back;
    } else if (value == "refuse") {
      into = Overflow::refuse;
    } else if (value == "drop_oldest") {
      into = Overflow::drop_oldest;
    } else {
      fail(*node, key, "expected \"hold_back\", \"refuse\" or \"drop_oldest\"");
    }
  }

  // The table under `key`, which must be one if it is there.
  std::optional<Table> table(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::nullopt;
    if (!node->is_table()) fail(*node, key, "expected a table");
    return Table(file_, path_of(key), *node->as_table());
  }

  const toml::table& entries() const { return table_; }
  bool has(std::string_view key) const { return table_.contains(key); }

  // Keys that do not go together: says so at the one that the file gives.
  [[noreturn]] void fail_at(std::string_view key, std::string_view wrong) const {
    fail(*table_.get(key), key, wrong);
  }

  // Refuses every key that nobody has taken.
  void finish() const {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      std::string allowed;
      for (const auto& known : known_) {
        allowed.append(allowed.empty() ? "" : ", ").append(known);
      }
      fail(node, key.str(), "unknown key; known here are " + allowed);
    }
  }

 private:
  std::string path_of(std::string_view key) const {
    return (path_.empty() ? "" : path_ + ".").append(key);
  }

  void check_range(const toml::node& node, std::string_view key, bool negative, std::uint64_t value,
                   std::uint64_t least, std::uint64_t most) const {
    if (!negative && value >= least && value <= most) return;
    fail(node, key, "allowed is " + std::to_string(least) + " to " + std::to_string(most));
  }

  const std::string& file_;
  std::string path_;
  const toml::table& table_;
  std::vector<std::string_view> known_;
};

constexpr milliseconds forever = std::chrono::hours(24 * 365);
constexpr std::uint64_t count_max = 1ULL << 62;
// Below this a busy device would take its own buffers and caches for an attack.
constexpr std::uint64_t resident_bytes_least = 256 << 20;

void read_backoff(Table table, Backoff& backoff) {
  table.duration("initial", milliseconds(0), forever, backoff.initial);
  table.number("factor", 1.0, 1000.0, backoff.factor);
  table.duration("max", milliseconds(0), forever, backoff.max);
  table.number("jitter", 0.0, 1.0, backoff.jitter);
  table.finish();
  if (backoff.initial <= backoff.max) return;
  if (table.has("initial")) {
    table.fail_at("initial", "is " + words(backoff.initial) +
                                 ": allowed is at most max, which is " + words(backoff.max) +
                                 " here; set max too");
  }
  if (table.has("max")) {
    table.fail_at("max", "is " + words(backoff.max) + ": allowed is at least initial, which is " +
                             words(backoff.initial) + " here; set initial too");
  }
}

void read_policy(Table table, QueuePolicy& policy) {
  table.duration("handler_timeout", milliseconds(0), forever, policy.handler_timeout);
  table.integer("max_attempts", 1, 1'000'000, policy.max_attempts);
  table.integer("handouts_max", 0, 1'000'000, policy.handouts_max);
  if (auto backoff = table.table("backoff")) read_backoff(*backoff, policy.backoff);
  table.name("dead_letter", policy.dead_letter);
  table.integer("max_messages", 0, count_max, policy.max_messages);
  table.size("max_bytes", 0, count_max, policy.max_bytes);
  table.overflow("overflow", policy.overflow);
  table.size("message_bytes_max", 1, limits::body_bytes_max, policy.message_bytes_max);
  table.finish();
}

void read_hub(Table table, HubOptions& options) {
  HubTiming& timing = options.timing;
  table.duration("lease", milliseconds(30), std::chrono::hours(1), timing.lease);
  table.duration("beat", milliseconds(10), std::chrono::minutes(20), timing.beat);
  table.duration("margin", milliseconds(0), std::chrono::minutes(1), timing.margin);
  table.size("memory_bytes_max", 1 << 20, count_max, options.memory_bytes_max);
  table.size("resident_bytes_max", resident_bytes_least, count_max, options.resident_bytes_max);
  table.finish();
  if (timing.lease < 3 * timing.beat && table.has("lease")) {
    table.fail_at("lease", "is " + words(timing.lease) +
                               ": allowed is at least 3 beats, which are " +
                               words(3 * timing.beat) + " here; set beat too");
  }
  if (timing.lease < 3 * timing.beat && table.has("beat")) {
    table.fail_at("beat", "is " + words(timing.beat) + ": allowed is at most a third of lease, " +
                              "which is " + words(timing.lease) + " here; set lease too");
  }
  if (timing.margin > timing.lease && table.has("margin")) {
    table.fail_at("margin", "is " + words(timing.margin) + ": allowed is at most lease, which is " +
                                words(timing.lease) + " here");
  }
}

const std::string& policy_dead_letter(const std::string& name, const HubOptions& options) {
  const auto configured = options.queues.find(name);
  return configured == options.queues.end() ? options.defaults.dead_letter
                                            : configured->second.dead_letter;
}

// Whether what dies in `name` could come back to it. A queue that is the dead letters of [defaults]
// leads nowhere: messages rest in it.
bool dead_letters_come_back(const std::string& name, const HubOptions& options) {
  std::string at = name;
  // Each step reaches another configured queue, or a name that is five characters longer.
  const std::size_t steps_max = options.queues.size() + limits::name_bytes_max;
  for (std::size_t steps = 0; steps < steps_max; ++steps) {
    const std::string& target = policy_dead_letter(at, options);
    std::string next = target.empty() ? protocol::default_dead_letter(at) : target;
    if (next == name) return true;
    if (next == at || next.size() > limits::name_bytes_max) return false;
    at = std::move(next);
  }
  return false;
}

// Whose dead letters `name` holds, as far as the file says; empty if nobody's.
std::string source_of_dead_letters(const std::string& name, const HubOptions& options) {
  if (options.defaults.dead_letter == name) return "[defaults]";
  for (const auto& [source, policy] : options.queues) {
    const bool is = policy.dead_letter.empty() ? protocol::default_dead_letter(source) == name
                                               : policy.dead_letter == name;
    if (is && source != name) return source;
  }
  return {};
}

void check_dead_letter(const Table& table, const std::string& name, const HubOptions& options) {
  const std::string& target = options.queues.at(name).dead_letter;
  if (target.empty() && !protocol::has_default_dead_letter(name)) {
    table.fail(table.entries(), "dead_letter",
               "is needed: the name has " + std::to_string(name.size()) +
                   " characters, and NAME.dead would have more than 128");
  }
  const std::string of = source_of_dead_letters(name, options);
  if (!of.empty() && table.has("overflow") &&
      options.queues.at(name).overflow == Overflow::drop_oldest) {
    table.fail_at("overflow", "is not allowed: " + name + " holds the dead letters of " + of +
                                  ", and has none of its own to drop to");
  }
  if (!table.has("dead_letter")) return;
  if (target == name) table.fail_at("dead_letter", "is the queue itself: name another queue");
  if (dead_letters_come_back(name, options)) {
    table.fail_at("dead_letter", "is " + target + ", whose own dead letters come back to " + name +
                                     ": name a queue that nothing comes back from");
  }
  if (!of.empty()) {
    table.fail_at("dead_letter", "is not allowed: " + name + " holds the dead letters of " + of +
                                     ", and what fails there rests there; leave it out");
  }
}

void read_queues(Table table, HubOptions& options) {
  std::vector<std::pair<std::string, Table>> policies;
  for (const auto& [key, node] : table.entries()) {
    const std::string name(key.str());
    if (!is_name(name)) table.fail(node, name, "a queue's name is 1 to 128 of A-Z a-z 0-9 . _ -");
    policies.emplace_back(name, *table.table(key.str()));
    QueuePolicy policy = options.defaults;
    read_policy(policies.back().second, policy);
    options.queues[name] = policy;
  }
  for (const auto& [name, policy] : policies) check_dead_letter(policy, name, options);
}

}  // namespace

bool is_name(std::string_view name) {
  return protocol::check_queue_name(name).code == Code::ok;
}

void read_config(std::string_view text, const std::string& name, HubOptions& options) {
  toml::table file;
  try {
    file = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    std::ostringstream sentence;
    sentence << name << ":" << error.source().begin.line << ": not TOML: " << error.description()
             << " (keys are written key = value, with text and spans in \"quotes\")";
    throw ConfigError(sentence.str());
  }
  Table top(name, "", file);
  if (auto hub = top.table("hub")) read_hub(*hub, options);
  if (auto defaults = top.table("defaults")) read_policy(*defaults, options.defaults);
  if (auto queues = top.table("queue")) read_queues(*queues, options);
  top.finish();
}

// Not by a stream, which takes a folder, or a disk that fails, for an empty file.
void read_config_file(const std::string& path, HubOptions& options) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  std::string text;
  char bytes[4096];
  for (std::size_t got = 1; file != nullptr && got > 0;) {
    got = std::fread(bytes, 1, sizeof bytes, file.get());
    text.append(bytes, got);
  }
  if (file == nullptr || std::ferror(file.get()) != 0) {
    throw ConfigError(path + ": " + std::strerror(errno));
  }
  read_config(text, path, options);
}

}  // namespace pawl::devices
