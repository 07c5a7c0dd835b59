// SPDX-License-Identifier: Apache-2.0
// pawl_simulation: runs the simulation with one seed, or with fresh seeds for some minutes. Exit 1
// at the first broken promise, with a command that runs it again and what is left of it when all
// that does not matter is left out.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "tests/support/command_line.hpp"
#include "tests/support/simulation/shrink.hpp"

namespace {

using namespace pawl::testing;
using Clock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& mistake) {
  std::fprintf(stderr, "%s\n", mistake.c_str());
  std::exit(2);
}

struct Arguments {
  SimulationOptions options;
  std::string seed, mutation, faults, peers;
  std::uint64_t messages = 0;
  double minutes = 0;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

void print_fault(const SimulationOptions& options, const SimulationResult& result) {
  std::printf("\nseed %" PRIu64 ": %s\n%s\nreplay: %s\nshrinking ...\n", options.seed,
              result.fault.c_str(), result.trace.c_str(), replay_command(options).c_str());
  std::fflush(stdout);
  const Shrunk shrunk = shrink(options);
  const Kept all = all_of(plan_of(options.seed));
  std::printf("%zu of %zu faults, %zu of %zu peers and %" PRIu64 " of %" PRIu64
              " messages a producer are enough: %s\n%s\nreplay: %s\n",
              shrunk.kept.faults.size(), all.faults.size(), shrunk.kept.peers.size(),
              all.peers.size(), shrunk.kept.messages, all.messages, shrunk.result.fault.c_str(),
              shrunk.result.trace.c_str(), replay_command(shrunk.options, shrunk.kept).c_str());
}

// What of the seed's plan is to be run; a mistake ends the process with its sentence.
Kept kept_of(const Arguments& arguments, const Plan& plan) {
  Kept kept = all_of(plan);
  std::string mistake;
  if (!arguments.faults.empty()) mistake = read_faults(arguments.faults, plan, kept);
  if (mistake.empty() && !arguments.peers.empty())
    mistake = read_peers(arguments.peers, plan, kept);
  if (arguments.messages != 0) kept.messages = arguments.messages;
  if (!mistake.empty()) refuse(mistake);
  return kept;
}

int run_one(const Arguments& arguments) {
  const SimulationOptions& options = arguments.options;
  const Plan plan = plan_of(options.seed);
  const Kept kept = kept_of(arguments, plan);
  const SimulationResult result = simulate(reduced(plan, kept), options);
  std::printf("seed %" PRIu64 ": %s\n", options.seed, result.summary().c_str());
  if (result.fault.empty()) return 0;
  if (options.verbose || kept != all_of(plan)) {
    std::printf("%s%s\n", options.verbose ? "" : result.trace.c_str(), result.fault.c_str());
  } else {
    print_fault(options, result);
  }
  return 1;
}

std::string mutation_names() {
  std::string names;
  for (std::size_t i = 1; i < mutations; ++i) {
    names += std::string(i == 1 ? "" : ", ") + name_of(static_cast<Mutation>(i));
  }
  return names;
}

void print_table(const SimulationResult& all, std::uint64_t runs, double minutes) {
  const auto row = [&](const char* what, double count, double a_minute) {
    std::printf("  %-40s %14.0f %12.0f a minute\n", what, count, a_minute);
  };
  const auto counted = [&](const char* what, std::uint64_t count) {
    row(what, static_cast<double>(count), static_cast<double>(count) / minutes);
  };
  counted("runs", runs);
  const double hours = static_cast<double>(all.simulated.count()) / 3.6e9;
  row("simulated hours", hours, hours / minutes);
  counted("messages confirmed", all.confirmed);
  counted("processed", all.processed);
  counted("processed twice or more", all.processed_twice);
  counted("dead letters", all.dead);
  counted("packets", all.packets);
  counted("commits", all.commits);
  counted("turns of a hub too busy to read", all.deaf_turns);
  counted("faults injected", all.faults_injected());
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    const std::string name = std::string("  ") + name_of(static_cast<FaultKind>(i));
    counted(name.c_str(), all.faults[i]);
  }
  counted("workers killed by a message", all.poisoned);
}

// Seeds from the clock on, on every core; each run has a world of its own.
int run_for(const Arguments& arguments) {
  const auto begun = Clock::now();
  const auto end = begun + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(arguments.minutes * 60));
  std::atomic<std::uint64_t> next_seed{static_cast<std::uint64_t>(
      std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1))};
  std::mutex mutex;
  SimulationResult all;
  SimulationOptions failed;
  SimulationResult failure;
  std::uint64_t runs = 0;
  std::atomic<bool> done{false};
  SimulationOptions quick = arguments.options;
  quick.check_every = 64;  // what cannot be so shows in the end, too
  quick.reload_every = 256;
  const auto work = [&] {
    while (!done.load() && Clock::now() < end) {
      SimulationOptions options = quick;
      options.seed = next_seed.fetch_add(1);
      const SimulationResult result = simulate(options);
      const std::lock_guard lock(mutex);
      all.add(result);
      ++runs;
      if (isatty(STDERR_FILENO) != 0 && runs % 64 == 0) {
        std::fprintf(stderr, "\r%" PRIu64 " runs, %zu messages, %" PRIu64 " faults ", runs,
                     all.confirmed, all.faults_injected());
      }
      if (result.fault.empty() || done.exchange(true)) continue;
      failed = arguments.options;
      failed.seed = options.seed;
      failure = result;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < arguments.threads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
  print_table(all, runs, std::chrono::duration<double>(Clock::now() - begun).count() / 60);
  if (failure.fault.empty()) return 0;
  print_fault(failed, failure);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CommandLine line("Runs pawl's machines against a simulated world full of faults.");
  line.add("--seed", arguments.seed, "the same seed is the same run; 1 if none is given",
           [](auto& text) {
             const bool is_number = text.find_first_not_of("0123456789") == std::string::npos;
             return is_number && text.size() < 20 ? "" : text + " is no seed";
           });
  line.add("--faults", arguments.faults,
           "only these of the seed's faults: numbers with commas, or none");
  line.add("--peers", arguments.peers, "only these of its peers: names with commas");
  line.add("--messages", arguments.messages, "so many at most of each life of a producer");
  line.add("--mutation", arguments.mutation, "a fault of our own making: " + mutation_names(),
           [](const std::string& name) {
             const bool is_known = name == "none" || mutation_named(name) != Mutation::none;
             return is_known ? "" : name + " is none of: " + mutation_names();
           });
  line.add("--verbose", arguments.options.verbose,
           "print every event; a failing run is not shrunk");
  line.add("--watch", arguments.options.watched, "trace the life of this message, like P0o0:17");
  line.add("--minutes", arguments.minutes, "fresh seeds for so long", above(0));
  line.add("--threads", arguments.threads, "with --minutes: so many at once", between(1, 256));
  line.parse_or_exit(argc, argv);
  arguments.options.mutation = mutation_named(arguments.mutation);
  if (!arguments.seed.empty()) arguments.options.seed = std::stoull(arguments.seed);
  if (arguments.minutes == 0) return run_one(arguments);
  const bool is_of_one_seed = !arguments.seed.empty() || !arguments.faults.empty() ||
                              !arguments.peers.empty() || arguments.messages != 0;
  if (is_of_one_seed) {
    refuse("--minutes runs fresh seeds: leave out --seed, --faults, --peers and --messages");
  }
  return run_for(arguments);
}
