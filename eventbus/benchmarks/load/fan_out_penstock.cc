// SPDX-License-Identifier: Apache-2.0
// Measures how fast one publisher's messages reach many subscribers of one process, on the embedded bus. The messages
// are deliveries: each published one counts once for every subscriber.
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {
namespace {

struct Settings {
  BusSettings bus{};
  std::uint64_t subscribers = 10'000;
};

class FanOut {
 public:
  explicit FanOut(const Settings& settings) : settings_(settings), received_(settings.subscribers) {}

  absl::StatusOr<Result> Run(EventBus& bus) {
    if (absl::Status subscribed = Subscribe(bus); !subscribed.ok()) return subscribed;
    const std::uint64_t published = settings_.bus.target.messages / settings_.subscribers;
    const std::uint64_t deliveries = published * settings_.subscribers;
    const auto begun = Clock::now();
    for (std::uint64_t i = 0; i < published; ++i) {
      const auto ack = bus.Publish(settings_.bus.target.subject, std::string(100, 'x'));
      if (!ack.ok()) return ack.status();
    }
    const auto count = [this] { return delivered_.load(std::memory_order_relaxed); };
    if (absl::Status came = AwaitCount("fan out", deliveries, count); !came.ok()) return came;
    const auto elapsed = Clock::now() - begun;
    for (const auto& each : received_) {
      if (each.load(std::memory_order_relaxed) != published) return absl::DataLossError("a subscriber missed messages");
    }
    return Result{.messages = deliveries, .elapsed = elapsed};
  }

 private:
  absl::Status Subscribe(EventBus& bus) {
    for (std::atomic<std::uint64_t>& received : received_) {
      const auto id = bus.Subscribe(settings_.bus.target.subject, [this, &received](const Delivery&) {
        received.fetch_add(1, std::memory_order_relaxed);
        delivered_.fetch_add(1, std::memory_order_relaxed);
        return absl::OkStatus();
      });
      if (!id.ok()) return id.status();
    }
    return absl::OkStatus();
  }

  const Settings& settings_;
  std::vector<std::atomic<std::uint64_t>> received_;  // by subscriber; relaxed, as the next: counters
  std::atomic<std::uint64_t> delivered_{0};
};

absl::StatusOr<Result> Run(const Settings& settings) {
  FanOut fan_out(settings);  // outlives the bus, whose handlers count in it
  BusOptions options{.url = "memory://", .client_id = "fan_out"};
  options.pool.workers = settings.bus.workers;
  const auto bus = EventBus::Connect(std::move(options));
  if (!bus.ok()) return bus.status();
  return fan_out.Run(**bus);
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("publishes to many subscribers of one process", "fan_out_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.add_option("--subscribers", settings.subscribers, "subscriptions to the one topic")
      ->check(CLI::Range(1, 100'000));
  return penstock::benchmarks::RunProgram(app, argc, argv, [&settings] { return penstock::benchmarks::Run(settings); });
}
