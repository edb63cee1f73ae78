// SPDX-License-Identifier: Apache-2.0
// How late delayed envelopes are handled: their delays are spread evenly over a range, in an order of no pattern. Fails
// when one is handled early, twice or not at all.
#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

struct Settings {
  BusSettings bus{};
  std::int64_t least_ms = 100;
  std::int64_t most_ms = 60'000;
};

/// The times when messages are due, and when they came. One entry for each message.
class Lateness {
 public:
  explicit Lateness(const Settings& settings) : due_(settings.bus.target.messages), came_(due_.size()) {}

  system_clock::time_point Due(std::size_t number, milliseconds delay) {
    return due_[number] = system_clock::now() + delay;
  }
  void Come(std::size_t number) {
    const auto now = system_clock::now().time_since_epoch().count();
    if (came_[number].exchange(now, std::memory_order_acq_rel) != 0) repeated_.fetch_add(1, std::memory_order_relaxed);
    handled_.fetch_add(1, std::memory_order_release);
  }
  std::uint64_t handled() const { return handled_.load(std::memory_order_acquire); }

  absl::StatusOr<std::vector<Clock::duration>> All() const {
    if (repeated_.load(std::memory_order_relaxed) > 0) return absl::DataLossError("delay: some were handled twice");
    std::vector<Clock::duration> all;
    for (std::size_t i = 0; i < due_.size(); ++i) {
      const system_clock::time_point came(system_clock::duration(came_[i].load(std::memory_order_relaxed)));
      if (came < due_[i]) return absl::DataLossError(absl::StrCat("delay: message ", i, " was early"));
      all.push_back(came - due_[i]);
    }
    return all;
  }

 private:
  std::vector<system_clock::time_point> due_;
  std::vector<std::atomic<system_clock::rep>> came_;
  std::atomic<std::uint64_t> handled_{0}, repeated_{0};
};

absl::Status Publish(EventBus& bus, const Settings& settings, Lateness& lateness) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> delay(settings.least_ms, settings.most_ms);
  std::atomic<bool> failed{false};
  for (std::uint64_t i = 0; i < settings.bus.target.messages; ++i) {
    const auto due = lateness.Due(i, milliseconds(delay(random)));
    Envelope event{
        .aggregate_id = absl::StrCat("aggregate-", i % 1000), .event_type = "BenchmarkRun", .payload = absl::StrCat(i)};
    absl::Status sent = bus.PublishEnvelopeAsync(settings.bus.target.subject, std::move(event),
                                                 [&failed](const absl::StatusOr<PubAck>& ack) {
                                                   if (!ack.ok()) failed.store(true, std::memory_order_relaxed);
                                                 },
                                                 {.deliver_at = due});
    if (!sent.ok()) return sent;
  }
  const auto stored = [&] { return bus.Stats().connection.publishes_pending == 0; };
  while (!stored()) std::this_thread::sleep_for(milliseconds(1));
  return failed.load() ? absl::DataLossError("delay: a publish failed") : absl::OkStatus();
}

absl::StatusOr<Result> Measure(const Settings& settings) {
  Lateness lateness(settings);
  const auto consumer = ConnectBus(settings.bus);
  if (!consumer.ok()) return consumer.status();
  absl::Status ready = (*consumer)->RelayDelayed();
  const auto subscribed =
      (*consumer)->SubscribeEnvelope(settings.bus.target.subject, {.durable = settings.bus.target.durable},
                                     [&](const Envelope& event, const Delivery&) {
                                       std::uint64_t number = 0;
                                       if (!absl::SimpleAtoi(event.payload, &number)) return Reject("no number");
                                       lateness.Come(number);
                                       return Ack();
                                     });
  ready.Update(subscribed.status());
  const auto publisher = ConnectBus(settings.bus);
  ready.Update(publisher.status());
  if (!ready.ok()) return ready;
  const auto began = Clock::now();
  ready.Update(Publish(**publisher, settings, lateness));
  ready.Update(AwaitCount("delay", settings.bus.target.messages, [&] { return lateness.handled(); }));
  if (!ready.ok()) return ready;
  auto all = lateness.All();
  if (!all.ok()) return all.status();
  return Result{.messages = all->size(), .elapsed = Clock::now() - began, .latencies = Percentiles(*all)};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("how late delayed envelopes are handled", "delay_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.add_option("--least-ms", settings.least_ms, "the shortest delay")->check(CLI::Range(1, 3'600'000));
  app.add_option("--most-ms", settings.most_ms, "the longest delay")->check(CLI::Range(1, 3'600'000));
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Measure(settings); });
}
