// SPDX-License-Identifier: Apache-2.0
// Latency from the moment an event was to be published to the handler that gets it, at a fixed rate, with a bus for
// each side.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/load/load_bus.h"
#include "benchmarks/schedule.h"

namespace penstock::benchmarks {
namespace {

constexpr std::uint64_t kAsFastAsPossible = 1'000'000;

struct Settings {
  BusSettings bus{};
  std::uint64_t rate = 10'000;
  double seconds = 5;
  double warm_up = 1;
  std::uint64_t keys = 1000;
  std::size_t payload = 43;  // which makes bodies of 128 bytes

  std::uint64_t limiter() const { return rate == 0 ? kAsFastAsPossible : rate; }
  std::uint64_t In(double time) const { return static_cast<std::uint64_t>(static_cast<double>(limiter()) * time); }
};

/// The latency of each event, by its number.
class Arrivals {
 public:
  Arrivals(const Schedule& schedule, std::uint64_t total) : schedule_(schedule), latencies_(total) {}

  void Take(const Envelope& event) {
    const auto now = Clock::now();
    std::uint64_t number = latencies_.size();
    std::from_chars(event.payload.data(), event.payload.data() + event.payload.size(), number);
    if (number < latencies_.size()) latencies_[number] = now - schedule_.Of(number);
    last_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  Clock::time_point last() const { return Clock::time_point(Clock::duration(last_.load(std::memory_order_relaxed))); }

  absl::StatusOr<Latencies> After(std::uint64_t warm_up) const {
    std::vector<Clock::duration> measured(latencies_.begin() + static_cast<std::ptrdiff_t>(warm_up), latencies_.end());
    if (std::ranges::find(measured, Clock::duration{}) != measured.end())
      return absl::DataLossError("consume: not every event came");
    return Percentiles(measured);
  }

 private:
  const Schedule& schedule_;
  std::vector<Clock::duration> latencies_;  // each element belongs to its event's handler
  std::atomic<Clock::rep> last_{0};         // relaxed: read when all is over
};

absl::Status PublishOnSchedule(EventBus& bus, const Settings& settings, Schedule& schedule, std::uint64_t total) {
  // With as many as may be under way: an open loop does not wait for PubAcks.
  schedule.Begin();
  for (std::uint64_t number = 0; number < total; ++number) {
    std::string payload = absl::StrCat(number, " ");
    payload.resize(std::max(payload.size(), settings.payload), 'x');
    if (settings.rate > 0) schedule.Await(number);
    absl::Status sent =
        bus.PublishEnvelopeAsync(settings.bus.target.subject,
                                 {.aggregate_id = absl::StrFormat("aggregate-%d", number % settings.keys),
                                  .event_type = "BenchmarkRun",
                                  .payload = std::move(payload)},
                                 [](const absl::StatusOr<PubAck>&) {});
    if (!sent.ok()) return sent;
  }
  return bus.Drain(std::chrono::seconds{60}).status;
}

absl::Status AwaitHandled(const EventBus& bus, std::uint64_t total) {
  const auto deadline = Clock::now() + std::chrono::seconds{60};
  while (OnlySubscription(bus).acked < total) {
    if (Clock::now() > deadline) return absl::DataLossError("consume: not every event came");
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return absl::OkStatus();
}

absl::StatusOr<Result> Measure(const Settings& settings) {
  const auto publisher = ConnectBus(settings.bus);
  if (!publisher.ok()) return publisher.status();
  const auto consumer = ConnectBus(settings.bus);
  if (!consumer.ok()) return consumer.status();
  const std::uint64_t warm_up = settings.In(settings.warm_up);
  const std::uint64_t total = warm_up + std::max<std::uint64_t>(1, settings.In(settings.seconds));
  Schedule schedule(settings.limiter());
  Arrivals arrivals(schedule, total);
  const auto subscribed =
      (*consumer)->SubscribeEnvelope(settings.bus.target.subject, {.durable = settings.bus.target.durable},
                                     [&](const Envelope& event, const Delivery&) {
                                       arrivals.Take(event);
                                       return Ack();
                                     });
  if (!subscribed.ok()) return subscribed.status();
  if (absl::Status sent = PublishOnSchedule(**publisher, settings, schedule, total); !sent.ok()) return sent;
  if (absl::Status came = AwaitHandled(**consumer, total); !came.ok()) return came;
  if (DrainReport drained = (*consumer)->Drain(std::chrono::seconds{30}); !drained.status.ok()) return drained.status;
  const bool timed = settings.rate > 0;
  const auto latencies = arrivals.After(timed ? warm_up : 0);
  if (!latencies.ok()) return latencies.status();
  return Result{.messages = timed ? total - warm_up : total,
                .elapsed = arrivals.last() - schedule.Of(timed ? warm_up : 0),
                .latencies = *latencies};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("latency from intended publish to handler", "end_to_end_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.remove_option(app.get_option("--messages"));
  app.add_option("--rate", settings.rate, "events a second; 0: as fast as can be")->check(CLI::NonNegativeNumber);
  app.add_option("--seconds", settings.seconds, "how long to measure")->check(CLI::PositiveNumber);
  app.add_option("--warm-up", settings.warm_up, "seconds at that rate before")->check(CLI::NonNegativeNumber);
  app.add_option("--keys", settings.keys, "aggregates")->check(CLI::PositiveNumber);
  app.add_option("--payload", settings.payload, "bytes of an event's payload; its body has some 85 more");
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Measure(settings); });
}
