// SPDX-License-Identifier: Apache-2.0
// Runs seeds of the simulation: all that are asked for, or one with everything that happens in it.
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "penstock/actorpool/internal/mutex.h"
#include "simulation/world.h"

namespace penstock::eventbus::simulation {
namespace {

constexpr std::string_view kUsage =
    "simulate [--seeds N] [--first-seed N] [--jobs N]   run N seeds; the first failing one is told in full\n"
    "simulate --seed N                                  run one seed and print all that happens\n";

struct Options {
  std::uint64_t seeds = 500;
  std::uint64_t first_seed = 1;
  std::uint64_t jobs = 1;
  std::optional<std::uint64_t> seed{};
};

struct Totals {
  std::uint64_t events = 0, faults = 0, reruns = 0;
};

std::optional<std::uint64_t> ReadNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Options> ReadOptions(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t index = 0; index < arguments.size(); index += 2) {
    const std::string_view name = arguments[index];
    const auto value = index + 1 < arguments.size() ? ReadNumber(arguments[index + 1]) : std::nullopt;
    if (!value) return std::nullopt;
    if (name == "--seeds") {
      options.seeds = *value;
    } else if (name == "--first-seed") {
      options.first_seed = *value;
    } else if (name == "--jobs" && *value > 0) {
      options.jobs = *value;
    } else if (name == "--seed") {
      options.seed = *value;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

void Print(const World& world, const Violation& violation, bool with_steps) {
  std::cout << "seed " << world.scenario().seed << ": " << world.scenario().Describe() << '\n';
  if (with_steps) world.trace().PrintLast(std::cout);
  std::cout << "broken: " << violation.invariant << ": " << violation.story << ", at " << VirtualTime(world.now())
            << "\nreplay: ./dev simulate --seed " << world.scenario().seed << '\n';
}

int RunOne(std::uint64_t seed) {
  World world(seed, &std::cout);
  std::cout << world.scenario().Describe() << '\n';
  const Report report = world.Run();
  if (report.violation) {
    Print(world, *report.violation, false);
    return 1;
  }
  std::cout << "seed " << seed << ": " << report.events << " events, " << report.faults << " faults, all well\n";
  return 0;
}

/// Several threads that take one seed after the other, up to the first that fails.
class Sweep {
 public:
  explicit Sweep(const Options& options)
      : options_(options), next_(options.first_seed), failed_(options.first_seed + options.seeds) {}

  int Run() {
    const auto begin = std::chrono::steady_clock::now();
    {
      std::vector<std::jthread> threads;
      for (std::uint64_t job = 0; job < options_.jobs; ++job) threads.emplace_back([this] { Work(); });
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const std::uint64_t failed = failed_.load();
    if (failed < options_.first_seed + options_.seeds) {
      World world(failed);
      const Report report = world.Run();
      if (report.violation) Print(world, *report.violation, true);
      std::cout << "caught by \"" << (report.violation ? report.violation->invariant : "nothing, the second time")
                << "\" with seed number " << failed - options_.first_seed + 1 << '\n';
      return 1;
    }
    MutexLock lock(mutex_);
    std::cout << options_.seeds << " seeds from " << options_.first_seed << ": " << totals_.events << " events, "
              << totals_.faults << " faults, " << totals_.reruns << " re-runs after crashes, all well, in "
              << took.count() << " s\n";
    return 0;
  }

 private:
  void Work() {
    Totals totals;
    for (;;) {
      const std::uint64_t seed = next_.fetch_add(1, std::memory_order_relaxed);
      if (seed >= failed_.load(std::memory_order_relaxed)) break;
      const Report report = World(seed).Run();
      if (report.violation) Fail(seed);
      totals.events += report.events;
      totals.faults += report.faults;
      totals.reruns += report.reruns;
    }
    MutexLock lock(mutex_);
    totals_.events += totals.events;
    totals_.faults += totals.faults;
    totals_.reruns += totals.reruns;
  }

  void Fail(std::uint64_t seed) {
    std::uint64_t lowest = failed_.load(std::memory_order_relaxed);
    while (seed < lowest && !failed_.compare_exchange_weak(lowest, seed, std::memory_order_relaxed)) {
    }
  }

  const Options options_;
  std::atomic<std::uint64_t> next_;    // relaxed: each seed is taken once, nothing else hangs on it
  std::atomic<std::uint64_t> failed_;  // relaxed: the lowest; read for good after the threads were joined
  Mutex mutex_;
  Totals totals_ ABSL_GUARDED_BY(mutex_){};
};

int Main(const std::vector<std::string_view>& arguments) {
  const auto options = ReadOptions(arguments);
  if (!options) {
    std::cerr << kUsage;
    return 2;
  }
  return options->seed ? RunOne(*options->seed) : Sweep(*options).Run();
}

}  // namespace
}  // namespace penstock::eventbus::simulation

int main(int argc, char** argv) { return penstock::eventbus::simulation::Main({argv + 1, argv + argc}); }
