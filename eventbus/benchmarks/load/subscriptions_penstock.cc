// SPDX-License-Identifier: Apache-2.0
// Measures the cost of many subscriptions of one bus: the same number of events, spread over as many topics as there
// are subscriptions, each with a stream and a durable of its own. Time runs from the first call that subscribes to the
// last event acknowledged and on its way; the latencies are those of the calls.
#include <algorithm>
#include <deque>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/load/spread.h"

namespace penstock::benchmarks {
namespace {

struct Settings {
  BusSettings bus{};
  std::size_t subscriptions = 1;
  std::uint64_t keys = 1000;
  std::size_t window = 4096;
};

class Subscriptions {
 public:
  Subscriptions(const Settings& settings, const std::vector<std::string>& topics)
      : settings_(settings), topics_(topics) {}

  absl::StatusOr<Result> Run(EventBus& bus) {
    const auto begun = Clock::now();
    if (absl::Status subscribed = SubscribeToAll(bus); !subscribed.ok()) return subscribed;
    const std::uint64_t messages = settings_.bus.target.messages;
    if (absl::Status came = AwaitAcked(bus, messages); !came.ok()) return came;
    if (DrainReport drained = bus.Drain(std::chrono::seconds{30}); !drained.status.ok()) return drained.status;
    const auto elapsed = Clock::now() - begun;
    if (const std::uint64_t disorders = Disorders(); disorders > 0)
      return absl::DataLossError(absl::StrFormat("consume: %d messages came out of order", disorders));
    return Result{.messages = messages, .elapsed = elapsed, .latencies = Percentiles(calls_)};
  }

 private:
  absl::Status SubscribeToAll(EventBus& bus) {
    for (const std::string& topic : topics_) {
      const EnvelopeSubscribeOptions options{.durable = absl::StrCat(settings_.bus.target.durable, "_", orders_.size()),
                                             .max_in_flight = settings_.window};
      const auto called = Clock::now();
      absl::Status subscribed = SubscribeInOrder(bus, topic, options, orders_.emplace_back(settings_.keys));
      if (!subscribed.ok()) return subscribed;
      calls_.push_back(Clock::now() - called);
    }
    return absl::OkStatus();
  }

  std::uint64_t Disorders() const {
    std::uint64_t disorders = 0;
    for (const KeyOrder& order : orders_) disorders += order.disorders();
    return disorders;
  }

  const Settings& settings_;
  const std::vector<std::string>& topics_;
  std::deque<KeyOrder> orders_{};  ///< by topic
  std::vector<Clock::duration> calls_{};
};

absl::Status Publish(const Settings& settings, const std::vector<std::string>& topics) {
  const auto bus = ConnectBus(settings.bus);
  if (!bus.ok()) return bus.status();
  return PublishEvents(**bus, {.topics = topics, .keys = settings.keys}, settings.bus.target.messages);
}

absl::StatusOr<Result> Measure(const Settings& settings, const std::vector<std::string>& topics) {
  if (absl::Status published = Publish(settings, topics); !published.ok()) return published;
  Subscriptions subscriptions(settings, topics);
  const auto bus = ConnectBus(settings.bus);
  if (!bus.ok()) return bus.status();
  return subscriptions.Run(**bus);
}

absl::StatusOr<Result> Run(const Settings& settings) {
  return WithTopics(settings.bus, settings.subscriptions,
                    [&](const std::vector<std::string>& topics) { return Measure(settings, topics); });
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("handles what as many streams hold as it has subscriptions", "subscriptions_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.add_option("--subscriptions", settings.subscriptions, "topics, each with a stream and a durable of its own")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--keys", settings.keys, "aggregates in all")->check(CLI::PositiveNumber);
  app.add_option("--window", settings.window, "messages in flight, of each subscription")->check(CLI::PositiveNumber);
  return penstock::benchmarks::RunProgram(app, argc, argv, [&settings] { return penstock::benchmarks::Run(settings); });
}
