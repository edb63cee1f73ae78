// SPDX-License-Identifier: Apache-2.0
// A load on a stream registry. At full speed (`--rate 0`) producers dispatch messages to the streams in turn, to
// callbacks that only count; time runs from the first message to the last one handled. At a rate it measures the
// latency of each message, from the moment at which it was scheduled, perhaps beside a stream whose callback sleeps for
// 5 s a message. Every message carries its number, so that the count and the order of every stream are checked too.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "penstock/actorpool/stream_registry.h"

namespace penstock::actorpool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kPatience{5};
constexpr std::chrono::seconds kSleep{5};
constexpr const char* kSleeper = "sleeper";

struct Options {
  std::size_t messages = 2'000'000;
  std::size_t streams = 10'000;
  std::size_t producers = 1;
  std::size_t workers = 2;
  std::size_t rate = 0;
  double seconds = 5;
  bool sleeping = false;
};

struct Event {
  std::uint32_t producer = 0;
  std::uint32_t number = 0;  ///< of its stream and producer
  Clock::time_point scheduled{};
  std::int64_t* latency_ns = nullptr;
};

/// The events of one stream that were handled. Only its callback writes it.
struct alignas(64) Progress {
  std::vector<std::uint32_t> handled{};  ///< by producer
  bool in_order = true;
};

class Load {
 public:
  using Registry = StreamRegistry<Event>;

  explicit Load(const Options& options) : options_(options), progress_(options.streams) {
    for (std::size_t i = 0; i < options.streams; ++i) ids_.push_back("package-" + std::to_string(i * 7919));
  }

  absl::Status Open() {
    auto pool = ActorPool::Create({.name = "streams", .actors = 1, .workers = options_.workers});
    if (!pool.ok()) return pool.status();
    pool_ = *std::move(pool);
    auto registry = Registry::Create(*pool_);
    if (!registry.ok()) return registry.status();
    registry_ = *std::move(registry);
    return RegisterAll();
  }

  /// Dispatches every message of `producer` at full speed, waiting for space wherever a queue is full.
  absl::Status Produce(std::size_t producer) {
    const std::size_t share = options_.messages / options_.producers;
    for (std::size_t i = 0; i < share; ++i) {
      absl::Status accepted = registry_->Dispatch(
          ids_[i % ids_.size()],
          {.producer = static_cast<std::uint32_t>(producer), .number = static_cast<std::uint32_t>(i / ids_.size())},
          kPatience);
      if (!accepted.ok()) return accepted;
    }
    return absl::OkStatus();
  }

  absl::Status ProduceAll() {
    std::vector<absl::Status> outcomes(options_.producers);
    {
      std::vector<std::jthread> producers;
      for (std::size_t i = 0; i < options_.producers; ++i) {
        producers.emplace_back([&, i] { outcomes[i] = Produce(i); });
      }
    }
    for (const absl::Status& outcome : outcomes) {
      if (!outcome.ok()) return outcome;
    }
    return absl::OkStatus();
  }

  /// Dispatches at the rate, each message when it is due.
  absl::Status ProduceAtRate() {
    latencies_ns_.resize(static_cast<std::size_t>(static_cast<double>(options_.rate) * options_.seconds));
    const std::chrono::nanoseconds interval{1'000'000'000 / options_.rate};
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; i < latencies_ns_.size(); ++i) {
      const Clock::time_point due = start + interval * i;
      if (Clock::now() < due) std::this_thread::sleep_until(due);
      absl::Status accepted = registry_->Dispatch(
          ids_[i % ids_.size()],
          {.number = static_cast<std::uint32_t>(i / ids_.size()), .scheduled = due, .latency_ns = &latencies_ns_[i]},
          kPatience);
      if (!accepted.ok()) return accepted;
    }
    return absl::OkStatus();
  }

  absl::Status Drain() {
    if (options_.sleeping) registry_->Unregister(kSleeper, Pending::kDrop).IgnoreError();
    const auto report = registry_->Drain(kPatience);
    return report.status();
  }

  /// Fails unless every stream handled all its messages in order.
  absl::Status Check(std::size_t messages_of_producer) const {
    for (std::size_t i = 0; i < progress_.size(); ++i) {
      const std::size_t expected =
          messages_of_producer / ids_.size() + (i < messages_of_producer % ids_.size() ? 1 : 0);
      for (const std::uint32_t handled : progress_[i].handled) {
        if (handled == expected && progress_[i].in_order) continue;
        return absl::DataLossError(absl::StrCat("check stream \"", ids_[i], "\": ", handled,
                                                " messages handled instead of ", expected,
                                                progress_[i].in_order ? "" : ", out of order"));
      }
    }
    return absl::OkStatus();
  }

  std::vector<std::int64_t>& latencies_ns() { return latencies_ns_; }

 private:
  absl::Status RegisterAll() {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      Progress& progress = progress_[i];
      progress.handled.resize(options_.producers);
      const auto handle = [&progress](Event event) {
        progress.in_order &= progress.handled[event.producer]++ == event.number;
        if (event.latency_ns != nullptr) *event.latency_ns = (Clock::now() - event.scheduled).count();
        return absl::OkStatus();
      };
      if (absl::Status status = registry_->Register(ids_[i], handle); !status.ok()) return status;
    }
    return options_.sleeping ? RegisterSleeper() : absl::OkStatus();
  }

  absl::Status RegisterSleeper() {
    const auto sleep = [](const Event&) {
      std::this_thread::sleep_for(kSleep);
      return absl::OkStatus();
    };
    if (absl::Status status = registry_->Register(kSleeper, sleep); !status.ok()) return status;
    for (int i = 0; i < 700; ++i) {
      if (absl::Status status = registry_->Dispatch(kSleeper, {}); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const Options& options_;
  std::vector<std::string> ids_{};
  std::vector<Progress> progress_;
  std::vector<std::int64_t> latencies_ns_{};
  std::unique_ptr<ActorPool> pool_;
  std::unique_ptr<Registry> registry_;
};

double QuantileUs(std::vector<std::int64_t>& sorted_ns, double quantile) {
  return static_cast<double>(
             sorted_ns[static_cast<std::size_t>(quantile * static_cast<double>(sorted_ns.size() - 1))]) /
         1e3;
}

absl::StatusOr<std::string> Run(const Options& options) {
  Load load(options);
  if (absl::Status opened = load.Open(); !opened.ok()) return opened;
  const Clock::time_point start = Clock::now();
  const absl::Status sent = options.rate == 0 ? load.ProduceAll() : load.ProduceAtRate();
  if (!sent.ok()) return sent;
  if (absl::Status drained = load.Drain(); !drained.ok()) return drained;
  const std::chrono::duration<double> taken = Clock::now() - start;
  std::vector<std::int64_t>& latencies = load.latencies_ns();
  const std::size_t total = options.rate == 0 ? options.messages : latencies.size();
  if (absl::Status right = load.Check(total / options.producers); !right.ok()) return right;
  std::string line = absl::StrCat(R"({"messages":)", total, R"(,"seconds":)", taken.count());
  if (!latencies.empty()) {
    std::ranges::sort(latencies);
    absl::StrAppend(&line, R"(,"p50_us":)", QuantileUs(latencies, 0.5), R"(,"p99_us":)", QuantileUs(latencies, 0.99));
  }
  return line + "}";
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Dispatches messages to the streams of a registry and prints how long that took", "streams_penstock");
  const auto positive = CLI::Range(std::size_t{1}, std::size_t{1'000'000'000});
  app.add_option("--messages", options.messages, "messages in all, at full speed")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--streams", options.streams, "streams")->capture_default_str()->check(positive);
  app.add_option("--producers", options.producers, "threads that dispatch, at full speed")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--workers", options.workers, "threads that run the streams")->capture_default_str();
  app.add_option("--rate", options.rate, "messages a second; 0: full speed")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}));
  app.add_option("--seconds", options.seconds, "how long, at a rate")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  app.add_flag("--sleeping", options.sleeping, "beside a stream that sleeps for 5 s a message");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  const absl::StatusOr<std::string> line = Run(options);
  if (!line.ok()) {
    std::cerr << "streams_penstock: " << line.status() << "\n";
    return 1;
  }
  std::cout << *line << "\n";
  return 0;
}

}  // namespace
}  // namespace penstock::actorpool

int main(int argc, char** argv) { return penstock::actorpool::Main(argc, argv); }
