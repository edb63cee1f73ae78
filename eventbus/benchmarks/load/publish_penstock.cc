// SPDX-License-Identifier: Apache-2.0
// How fast the bus publishes envelopes: many under way, or each only after the PubAck of the one before.
#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {
namespace {

struct Settings {
  BusSettings bus{};
  std::string mode = "async";
  std::uint64_t keys = 1000;
  std::size_t payload = 43;  // which makes bodies of 128 bytes
};

Envelope EventOf(const Settings& settings, std::uint64_t number) {
  return {.aggregate_id = absl::StrFormat("aggregate-%d", number % settings.keys),
          .event_type = "BenchmarkRun",
          .payload = std::string(settings.payload, 'x')};
}

absl::StatusOr<Result> PublishAsync(EventBus& bus, const Settings& settings) {
  const Target& target = settings.bus.target;
  std::atomic<std::uint64_t> failed{0};
  const auto begun = Clock::now();
  for (std::uint64_t number = 0; number < target.messages; ++number) {
    absl::Status sent = bus.PublishEnvelopeAsync(target.subject, EventOf(settings, number),
                                                 [&failed](const absl::StatusOr<PubAck>& ack) {
                                                   if (!ack.ok()) failed.fetch_add(1);
                                                 });
    if (!sent.ok()) return sent;
  }
  if (DrainReport drained = bus.Drain(std::chrono::seconds{60}); !drained.status.ok()) return drained.status;
  const auto elapsed = Clock::now() - begun;
  if (failed.load() == 0) return Result{.messages = target.messages, .elapsed = elapsed};
  return absl::DataLossError(absl::StrFormat("publish: %d messages failed", failed.load()));
}

absl::StatusOr<Result> PublishSync(EventBus& bus, const Settings& settings) {
  const Target& target = settings.bus.target;
  std::vector<Clock::duration> round_trips;
  round_trips.reserve(target.messages);
  const auto begun = Clock::now();
  for (std::uint64_t number = 0; number < target.messages; ++number) {
    const auto sent = Clock::now();
    const auto ack = bus.PublishEnvelope(target.subject, EventOf(settings, number));
    if (!ack.ok()) return ack.status();
    round_trips.push_back(Clock::now() - sent);
  }
  return Result{.messages = target.messages, .elapsed = Clock::now() - begun, .latencies = Percentiles(round_trips)};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("publishes envelopes", "publish_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.add_option("--mode", settings.mode, "how")->check(CLI::IsMember({"async", "sync"}));
  app.add_option("--keys", settings.keys, "aggregates")->check(CLI::PositiveNumber);
  app.add_option("--payload", settings.payload, "bytes of an event's payload; its body has some 85 more");
  return penstock::benchmarks::RunProgram(
      app, argc, argv, [&settings]() -> absl::StatusOr<penstock::benchmarks::Result> {
        const auto bus = penstock::benchmarks::ConnectBus(settings.bus);
        if (!bus.ok()) return bus.status();
        return settings.mode == "sync" ? penstock::benchmarks::PublishSync(**bus, settings)
                                       : penstock::benchmarks::PublishAsync(**bus, settings);
      });
}
