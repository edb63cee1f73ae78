// SPDX-License-Identifier: Apache-2.0
// How many results are stored and fetched a second: one bus sends the events, one handles them and keeps the value that
// its handler returns, one awaits the result of each. Fails when a result is missing or wrong.
#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/load/load_bus.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::benchmarks {
namespace {

struct Settings {
  BusSettings bus{};
  std::size_t waiters = 16;
  bool when_handled = false;
};

std::string ValueFor(std::string_view payload) { return "handled " + std::string(payload); }

absl::Status Send(EventBus& bus, const Settings& settings, const std::vector<std::string>& ids) {
  std::atomic<bool> failed{false};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Envelope event{.event_id = ids[i],
                   .aggregate_id = absl::StrCat("aggregate-", i % 1000),
                   .event_type = "BenchmarkRun",
                   .payload = absl::StrCat(i)};
    absl::Status sent = bus.PublishEnvelopeAsync(settings.bus.target.subject, std::move(event),
                                                 [&failed](const absl::StatusOr<PubAck>& ack) {
                                                   if (!ack.ok()) failed.store(true, std::memory_order_relaxed);
                                                 });
    if (!sent.ok()) return sent;
  }
  const auto stored = [&bus]() -> std::uint64_t { return bus.Stats().connection.publishes_pending == 0 ? 1 : 0; };
  absl::Status all = AwaitCount("results: publishes", 1, stored);
  return failed.load() ? absl::DataLossError("results: a publish failed") : all;
}

/// Fetches the results of all events on several threads, and keeps the first error.
class Fetching {
 public:
  Fetching(EventBus& bus, const Settings& settings, const std::vector<std::string>& ids)
      : bus_(bus), settings_(settings), ids_(ids) {
    for (std::size_t i = 0; i < settings.waiters; ++i) threads_.emplace_back([this] { Fetch(); });
  }

  absl::Status Join() {
    threads_.clear();
    MutexLock lock(mutex_);
    return error_;
  }

 private:
  void Fetch() {
    for (std::size_t i = next_++; i < ids_.size(); i = next_++) {
      absl::Status fetched = FetchOne(i);
      if (fetched.ok()) continue;
      next_.store(ids_.size());
      MutexLock lock(mutex_);
      error_.Update(fetched);
    }
  }

  absl::Status FetchOne(std::size_t number) {
    const Target& target = settings_.bus.target;
    const auto result = bus_.AwaitResult(target.subject, target.durable, ids_[number], std::chrono::minutes(1));
    if (!result.ok()) return result.status();
    if (result->handled && result->value == ValueFor(absl::StrCat(number))) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("results: that of event ", number, " is wrong: ", result->value));
  }

  EventBus& bus_;
  const Settings& settings_;
  const std::vector<std::string>& ids_;
  std::atomic<std::size_t> next_{0};
  Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_{};
};

absl::StatusOr<Result> Measure(const Settings& settings) {
  const auto worker = ConnectBus(settings.bus);
  const auto sender = ConnectBus(settings.bus);
  const auto asker = ConnectBus(settings.bus);
  for (const auto* bus : {&worker, &sender, &asker}) {
    if (!bus->ok()) return bus->status();
  }
  const auto subscribed = (*worker)->SubscribeEnvelope(
      settings.bus.target.subject, {.durable = settings.bus.target.durable, .results = {.keep = true}},
      [](const Envelope& event, const Delivery&) { return Outcome::With(ValueFor(event.payload)); });
  if (!subscribed.ok()) return subscribed.status();
  std::vector<std::string> ids(settings.bus.target.messages);
  std::ranges::generate(ids, NewEventId);
  auto began = Clock::now();
  std::optional<Fetching> fetching;
  if (!settings.when_handled) fetching.emplace(**asker, settings, ids);
  absl::Status done = Send(**sender, settings, ids);
  if (settings.when_handled) {
    done.Update(AwaitCount("results", ids.size(), [&] { return OnlySubscription(**worker).acked; }));
    began = Clock::now();
    fetching.emplace(**asker, settings, ids);
  }
  done.Update(fetching->Join());
  if (!done.ok()) return done;
  return Result{.messages = ids.size(), .elapsed = Clock::now() - began};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("how many results are stored and fetched a second", "results_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.add_option("--waiters", settings.waiters, "threads that await results")->check(CLI::PositiveNumber);
  app.add_flag("--when-handled", settings.when_handled, "fetch once all are stored, and measure that alone");
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Measure(settings); });
}
