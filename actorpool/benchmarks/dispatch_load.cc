// SPDX-License-Identifier: Apache-2.0
// A load on dispatch: producers send the pool messages of 512 keys in turn, each key hashed for every message, to
// actors that only count. Time runs from the first message sent to the last one settled. Every message carries its
// number, so that the count and the order of every key are checked too.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kKeys = 512;
constexpr std::chrono::minutes kPatience{5};

struct Options {
  std::size_t messages = 5'000'000;
  std::size_t producers = 1;
  ActorPoolOptions pool = {.name = "dispatch", .actors = 256, .inbox_capacity = 1000, .workers = 2};
};

/// The messages of one key and producer that were handled. Only the key's actor writes it while the pool runs.
struct KeyProgress {
  std::uint32_t handled = 0;
  bool in_order = true;
};

/// A cache line of entries of one actor, so that no two workers write to the same line.
struct alignas(64) ProgressLine {
  std::array<KeyProgress, 64 / sizeof(KeyProgress)> entries{};
};

class Load {
 public:
  Load(const Options& options, ActorPool& pool)
      : options_(options), pool_(pool), lines_(options.pool.actors), progress_(options.producers * kKeys) {
    for (std::size_t i = 0; i < kKeys; ++i) keys_.push_back("package-" + std::to_string(i * 7919));
    AllocateProgress();
  }

  /// Sends every message of `producer`, waiting for space wherever an inbox is full.
  absl::Status Produce(std::size_t producer) {
    KeyProgress* const* progress = &progress_[producer * kKeys];
    const std::size_t share = Share(producer);
    for (std::size_t i = 0; i < share; ++i) {
      auto work = [entry = progress[i % kKeys], number = static_cast<std::uint32_t>(i / kKeys)] {
        entry->in_order &= entry->handled++ == number;
        return absl::OkStatus();
      };
      absl::Status accepted = pool_.ProcessMessage({.key = keys_[i % kKeys], .work = work}, kPatience);
      if (!accepted.ok()) return accepted;
    }
    return absl::OkStatus();
  }

  /// Fails unless every key's messages were all handled by its actor, in the order they were sent.
  absl::Status Check() const {
    for (std::size_t i = 0; i < progress_.size(); ++i) {
      const std::size_t expected = Share(i / kKeys) / kKeys + (i % kKeys < Share(i / kKeys) % kKeys ? 1 : 0);
      if (progress_[i]->handled != expected || !progress_[i]->in_order) {
        return absl::DataLossError(absl::StrCat("check key \"", keys_[i % kKeys], "\" of producer ", i / kKeys, ": ",
                                                progress_[i]->handled, " messages handled instead of ", expected,
                                                progress_[i]->in_order ? "" : ", out of order"));
      }
    }
    return CheckActors();
  }

 private:
  void AllocateProgress() {
    std::vector<std::vector<std::size_t>> keys_of(lines_.size());
    for (std::size_t key = 0; key < kKeys; ++key) keys_of[pool_.ActorFor(keys_[key])].push_back(key);
    for (std::size_t actor = 0; actor < lines_.size(); ++actor) {
      const std::size_t keys = keys_of[actor].size();
      constexpr std::size_t kPerLine = ProgressLine{}.entries.size();
      lines_[actor].resize(keys * options_.producers / kPerLine + 1);
      for (std::size_t i = 0; i < keys * options_.producers; ++i) {
        progress_[i / keys * kKeys + keys_of[actor][i % keys]] = &lines_[actor][i / kPerLine].entries[i % kPerLine];
      }
    }
  }

  absl::Status CheckActors() const {
    const PoolStats stats = pool_.Stats();
    for (std::size_t actor = 0; actor < lines_.size(); ++actor) {
      std::uint64_t handled = 0;
      for (const ProgressLine& line : lines_[actor]) {
        for (const KeyProgress& entry : line.entries) handled += entry.handled;
      }
      if (handled != stats.actors[actor].succeeded) {
        return absl::DataLossError(absl::StrCat("check actor ", actor, ": handled ", handled, " messages, claims ",
                                                stats.actors[actor].succeeded));
      }
    }
    return absl::OkStatus();
  }

  std::size_t Share(std::size_t producer) const {
    return options_.messages / options_.producers + (producer < options_.messages % options_.producers ? 1 : 0);
  }

  const Options& options_;
  ActorPool& pool_;
  std::vector<std::string> keys_{};
  std::vector<std::vector<ProgressLine>> lines_;  ///< by actor
  std::vector<KeyProgress*> progress_;            ///< by producer, then key
};

absl::Status SendAll(const Options& options, ActorPool& pool, Load& load) {
  std::vector<absl::Status> outcomes(options.producers);
  {
    std::vector<std::jthread> producers;
    for (std::size_t i = 0; i < options.producers; ++i) {
      producers.emplace_back([&, i] { outcomes[i] = load.Produce(i); });
    }
  }
  for (const absl::Status& outcome : outcomes) {
    if (!outcome.ok()) return outcome;
  }
  return pool.Drain(kPatience);
}

absl::StatusOr<double> Run(const Options& options) {
  auto pool = ActorPool::Create(options.pool);
  if (!pool.ok()) return pool.status();
  Load load(options, **pool);
  const Clock::time_point start = Clock::now();
  if (absl::Status sent = SendAll(options, **pool, load); !sent.ok()) return sent;
  const std::chrono::duration<double> taken = Clock::now() - start;
  if (absl::Status right = load.Check(); !right.ok()) return right;
  return taken.count();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Sends messages to the actor pool and prints how long that took", "dispatch_penstock");
  const auto positive = CLI::Range(std::size_t{1}, std::size_t{1'000'000'000});
  app.add_option("--messages", options.messages, "messages in all")->capture_default_str()->check(positive);
  app.add_option("--actors", options.pool.actors, "actors")->capture_default_str();
  app.add_option("--inbox", options.pool.inbox_capacity, "messages an inbox holds")->capture_default_str();
  app.add_option("--producers", options.producers, "threads that send messages")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--workers", options.pool.workers, "threads that run the actors")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  const absl::StatusOr<double> seconds = Run(options);
  if (!seconds.ok()) {
    std::cerr << "dispatch_penstock: " << seconds.status() << "\n";
    return 1;
  }
  std::cout << R"({"messages":)" << options.messages << R"(,"seconds":)" << *seconds << "}\n";
  return 0;
}

}  // namespace
}  // namespace penstock::actorpool

int main(int argc, char** argv) { return penstock::actorpool::Main(argc, argv); }
